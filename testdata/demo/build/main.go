// Command build makes the demo disks with sfdisk, mke2fs, debugfs and gcc,
// without root:
//
//	go run ./testdata/demo/build -o testdata/demo
//
// It lets a small web server live in memory through some weeks of ordinary
// life and one break-in, where each operation has the effect on an inode's
// times that it has in Linux; then it puts the state of two moments on disks,
// and writes down what was planted.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

var (
	berlin = mustLoad("Europe/Berlin")

	installTime  = time.Date(2025, 9, 15, 14, 2, 11, 0, berlin)
	bootTime     = time.Date(2026, 1, 31, 22, 40, 9, 0, berlin)
	lifeBegins   = time.Date(2026, 2, 1, 0, 0, 0, 0, berlin)
	baselineTime = time.Date(2026, 3, 7, 2, 0, 0, 0, berlin)
	imageTime    = time.Date(2026, 4, 2, 8, 40, 0, 0, berlin)
)

func mustLoad(name string) *time.Location {
	l, err := time.LoadLocation(name)
	check(err)
	return l
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "build: "+format+"\n", args...)
	os.Exit(1)
}

func check(err error) {
	if err != nil {
		fatal("%v", err)
	}
}

func main() {
	src := flag.String("src", "testdata/demo/src", "folder of the stand-ins' sources")
	out := flag.String("o", "testdata/demo", "folder to write to")
	raw := flag.Bool("raw", false, "leave the images unpacked too")
	flag.Parse()

	work, err := os.MkdirTemp("", "demo")
	check(err)
	defer os.RemoveAll(work)

	programs := map[string][]byte{}
	for _, name := range []string{"tool", "library", "bot", "rootexploit", "ps"} {
		bin := filepath.Join(work, name)
		args := []string{"-O2", "-s", "-Wl,-z,noseparate-code", "-Wl,--build-id=none", "-fno-asynchronous-unwind-tables", "-o", bin, filepath.Join(*src, name+".c")}
		if name == "library" {
			args = append([]string{"-shared", "-fPIC"}, args...)
		}
		if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
			fatal("gcc %s: %v\n%s", name, err, out)
		}
		programs[name], err = os.ReadFile(bin)
		check(err)
	}

	w := &world{server: &server{tree: newTree(installTime), programs: programs, status: map[string]string{}}}
	d := &disk{work: work, img: filepath.Join(work, "root.ext4")}
	d.mkfs(installTime)
	// mke2fs has made lost+found.
	lost := w.mkdir("/lost+found", 0o700, 0, 0, installTime)
	lost.ino, lost.onDisk = 11, "/lost+found"
	w.build(installTime.Add(4 * time.Minute))

	w.ordinary(lifeBegins, baselineTime)
	w.runUntil(baselineTime)
	d.sync(w.tree, baselineTime)
	baseline := filepath.Join(*out, "baseline.img")
	d.assemble(baseline, baselineTime)

	w.ordinary(time.Date(2026, 3, 8, 0, 0, 0, 0, berlin), imageTime)
	w.maintenance()
	traces := w.attack(programs)
	w.runUntil(imageTime)
	d.sync(w.tree, imageTime)
	compromised := filepath.Join(*out, "compromised.img")
	d.assemble(compromised, imageTime)
	w.locate(traces, decoys)

	expected := struct {
		About    string     `json:"about"`
		Volume   string     `json:"volume"`
		Host     string     `json:"host"`
		Zone     string     `json:"zone"`
		Baseline string     `json:"baseline_taken"`
		Image    string     `json:"image_taken"`
		Traces   []trace    `json:"traces"`
		Ordinary []ordinary `json:"ordinary"`
	}{
		About:    "What was planted on compromised.img, in the order of the story; and what looks suspicious on it and is not. Made by build.",
		Volume:   "gpt:2",
		Host:     "web01",
		Zone:     "Europe/Berlin",
		Baseline: baselineTime.UTC().Format(time.RFC3339),
		Image:    imageTime.UTC().Format(time.RFC3339),
		Traces:   traces,
		Ordinary: decoys,
	}
	f, err := os.Create(filepath.Join(*out, "expected.json"))
	check(err)
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	check(enc.Encode(expected))
	check(f.Close())

	for _, img := range []string{baseline, compromised} {
		data, err := os.ReadFile(img)
		check(err)
		check(os.WriteFile(img+".gz", []byte(gz(string(data), time.Time{})), 0o644))
		if !*raw {
			check(os.Remove(img))
		}
	}
}
