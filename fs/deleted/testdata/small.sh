#!/bin/bash
# Makes small.img.gz: a small file system by the kernel, with deleted files,
# for the fuzz target and for tests that may not mount. Needs root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d)
trap 'umount -l "$dir/mnt" 2>/dev/null || true; rm -rf "$dir"' EXIT
mkdir "$dir/mnt"
truncate -s 3M "$dir/img"
mke2fs -q -F -t ext4 -b 1024 -J size=1 -N 128 -U 11111111-2222-3333-4444-555555555555 "$dir/img"
mount -o loop "$dir/img" "$dir/mnt"
cd "$dir/mnt"
mkdir -p etc home/alice/.cache/deep
for i in 1 2 3 4 5 6; do seq $((i * 100)) > etc/file$i; done
seq 2000 > home/alice/.cache/deep/list; ln -s ../nowhere home/alice/link
for i in 0 2 4 6 8 10; do seq 200 | head -c 1024 | dd of=etc/sparse bs=1024 seek=$i conv=notrunc status=none; done
sync
mv etc/file2 etc/renamed; : > etc/file4; sync
rm etc/file1 etc/renamed etc/sparse home/alice/link; rm -r home/alice/.cache; sync
seq 50 > etc/file7; sync; rm etc/file7
cd "$dir"
umount mnt
gzip -9n < "$dir/img" > "$here/small.img.gz"
