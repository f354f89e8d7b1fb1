#!/bin/bash
# Puts what the demo prints now between the two marks of README.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
t=$(mktemp)
trap 'rm -f "$t"' EXIT
img=out/demo/compromised.img

show() {
	echo "\$ $1"
	bash -c "$1" 2>/dev/null
}

{
	echo '```'
	echo '$ make demo'
	make -s demo 2>/dev/null
	echo '```'
	echo
	echo 'Each finding leads to bytes. The second account with user id 0, for example, stands in `findings.jsonl` with the offset of its line in the image:'
	echo
	echo '```'
	read -r offset length < <(grep '"rule":"second-uid-zero"' out/demo/case/findings.jsonl |
		grep -o '"path":"/etc/passwd","offset":[0-9]*,"length":[0-9]*' | tail -n 1 | tr -c '0-9\n' ' ')
	show "xxd -s $offset -l $length $img"
	show "./deadbox timeline -q --from '2026-03-21 02:43' --to '2026-03-21 02:50' $img"
	show "./deadbox cat $img /var/spool/cron/crontabs/www-data"
	echo '```'
} > "$t"

awk -v text="$t" '
	/^<!-- demo: end/ { skip = 0 }
	!skip { print }
	/^<!-- demo: begin/ { while ((getline line < text) > 0) print line; skip = 1 }
' README.md > "$t.new"
cat "$t.new" > README.md
rm -f "$t.new"
