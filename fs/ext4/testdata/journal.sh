#!/bin/sh
# journal.sh makes the images with a used journal that the fuzz target starts
# from: the disk under a mounted file system, as it would be after the power
# failed. It needs root. Two runs differ in their times.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'umount "$tmp/m" 2>/dev/null || :; rm -rf "$tmp"' EXIT
mkdir "$tmp/m"
for kind in ext4 ext3; do
	truncate -s 2200K "$tmp/image"
	mke2fs -q -F -t $kind -b 1024 -N 128 -J size=1 "$tmp/image"
	mount -t ext4 -o loop,commit=300,nodelalloc "$tmp/image" "$tmp/m"
	round=0
	while [ $round -lt 3 ]; do
		mkdir "$tmp/m/d$round"
		for i in 1 2 3 4 5; do
			echo "file $i of $round" >"$tmp/m/d$round/file-$i"
		done
		sync "$tmp/m/d$round"
		mv "$tmp/m/d$round/file-1" "$tmp/m/moved-$round"
		rm "$tmp/m/d$round/file-2"
		chmod 600 "$tmp/m/d$round/file-3"
		[ $round = 0 ] || rm -r "$tmp/m/d$((round - 1))"
		sync "$tmp/m"
		round=$((round + 1))
	done
	cp --sparse=always "$tmp/image" "$tmp/copy"
	umount "$tmp/m"
	gzip -9n <"$tmp/copy" >journal-$kind.img.gz
	rm "$tmp/image" "$tmp/copy"
done
