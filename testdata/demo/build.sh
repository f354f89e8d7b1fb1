#!/bin/sh
# Makes the demo disks again: baseline.img.gz, compromised.img.gz, expected.json.
# It needs no root, but Go, gcc, e2fsprogs and util-linux (sfdisk, mkswap). The
# same versions of these give the same bytes.
#
# Usage: testdata/demo/build.sh [FOLDER]    (default: where this script lies)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here}
PATH=$PATH:/usr/sbin:/sbin
for tool in go gcc mke2fs debugfs e2fsck sfdisk mkswap; do
	command -v "$tool" >/dev/null || { echo "build.sh: $tool is missing" >&2; exit 1; }
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$here/../.."
go run ./testdata/demo/build -src "$here/src" -o "$out"
ls -l "$out"/*.img.gz "$out/expected.json"
