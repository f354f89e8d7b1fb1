# The two commands to know: make demo, make test.

SHELL := /bin/bash
GO ?= go
VERSION ?= $(shell git describe --tags --dirty 2>/dev/null || echo dev-$$(git rev-parse --short HEAD 2>/dev/null || echo unknown))
FUZZTIME ?= 1m
BENCHTIME ?= 1s
BENCHRUNS ?= 5
DEMO := out/demo
PROGRAMS := ./testdata/demo/build ./testdata/bench

export CGO_ENABLED ?= 0

.PHONY: build test race fuzz bench lint fixtures golden demo clean

# One static binary, ./deadbox.
build:
	$(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o deadbox ./cmd/deadbox

# Tests that need root or another program say so where they skip: go test -v.
test:
	$(GO) vet ./... $(PROGRAMS)
	$(GO) test ./...

# The race detector needs a C compiler.
race:
	CGO_ENABLED=1 $(GO) test -race -timeout 30m ./...

# Every fuzz target, one after the other, FUZZTIME each.
fuzz:
	@fail=0; \
	for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "== $$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg || fail=1; \
		done; \
	done; \
	exit $$fail

# Against The Sleuth Kit, on a file system of a million files that is made
# once (as root) in out/bench; then the benchmarks of the packages.
bench: build
	$(GO) run ./testdata/bench -deadbox ./deadbox -dir out/bench -runs $(BENCHRUNS)
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./... $(PROGRAMS)
	$(GO) tool staticcheck ./... $(PROGRAMS)

# Makes every fixture again that a script makes: with the real mkfs and debugfs.
fixtures:
	@for script in $$(git ls-files '*testdata/*build.sh'); do echo "== $$script"; bash $$script || exit 1; done

# Writes the expected outputs, and the transcript in README.md, again from what
# the code gives now. Read the difference before you commit it.
golden:
	@for dir in $$(git grep -l 'flag.Bool("update"' -- '*_test.go' | xargs -r -n1 dirname | sort -u); do \
		echo "== $$dir"; $(GO) test ./$$dir -update || exit 1; \
	done
	bash testdata/demo/readme.sh
	git --no-pager diff --stat

# Investigates the demo disk. Findings may make the exit code 1: they are what
# the demo is for. Any other code is a failure.
demo: build
	@mkdir -p $(DEMO)
	@for disk in baseline compromised; do \
		rm -f $(DEMO)/$$disk.img && gzip -dc testdata/demo/$$disk.img.gz > $(DEMO)/$$disk.img && chmod 0444 $(DEMO)/$$disk.img || exit 1; \
	done
	@before=$$(cat $(DEMO)/*.img | cksum); \
	echo './deadbox investigate $(DEMO)/compromised.img --baseline $(DEMO)/baseline.img -o $(DEMO)/case --force'; \
	./deadbox investigate $(DEMO)/compromised.img --baseline $(DEMO)/baseline.img -o $(DEMO)/case --force; code=$$?; \
	if [ $$code -gt 1 ]; then echo "deadbox ended with code $$code" >&2; exit $$code; fi; \
	if [ "$$(cat $(DEMO)/*.img | cksum)" != "$$before" ]; then echo "the evidence changed" >&2; exit 1; fi; \
	echo; echo "The report: $(DEMO)/case/report.html"; \
	test -s $(DEMO)/case/report.html

clean:
	rm -rf deadbox out
