#!/bin/bash
# Makes a file system by the kernel, deletes files on it, and keeps what was
# true of them. Needs root and loop mounts.
#
#   deletion.sh DIR     writes DIR/image.dd, DIR/deleted.tsv, DIR/live.txt
#
# deleted.tsv: path, sha256, uid, gid, mode in octal, size, mtime, ctime, inode,
# kind; live.txt: the paths that are left, one a line. The environment chooses:
#
#   MKFS    arguments of mke2fs           (-t ext4)
#   SIZE    of the file system            (160M)
#   OPTS    mount options                 (loop)
#   AFTER   files written after deletion  (0)
#   WRAP    rounds of metadata after it   (0)
#   CRASH   1: the image is a copy of the mounted file system
#   SHRED   1: text files go by "shred -u"
#   SKIPBIG 1: without the file of 20 MB
set -euo pipefail
mkdir -p "$1"
out=$(cd "$1" && pwd)
mkfs=${MKFS:--t ext4} size=${SIZE:-160M} opts=${OPTS:-loop} after=${AFTER:-0} wrap=${WRAP:-0}
image=$out/work.dd mnt=$out/mnt
mkdir -p "$mnt"
truncate -s "$size" "$image"
# shellcheck disable=SC2086
mke2fs -q -F $mkfs "$image"
mount -o "$opts" "$image" "$mnt"
trap 'umount -l "$mnt" 2>/dev/null || true' EXIT

text() { # text NAME LINES: lines that only this file has
	awk -v n="$2" -v f="${1//\//_}" 'BEGIN { for (i = 1; i <= n; i++) printf "%s line %d %08x\n", f, i, i * 2654435761 % 4294967296 }'
}

cd "$mnt"
mkdir -p etc home/alice home/bob var/log/app var/www/html opt/tools/.cache/deep/er srv/big tmp usr/bin
# 60 small files in small directories.
for i in $(seq 1 10); do text "home/alice/note$i" $((i * 7)) > home/alice/note$i.txt; done
for i in $(seq 1 10); do text "home/bob/doc$i" $((i * 90)) > home/bob/doc$i.txt; done
for i in $(seq 1 10); do text "var/log/app/l$i" $((i * 200)) > var/log/app/app$i.log; done
for i in $(seq 1 6); do text "var/log/r$i" 3000 | gzip -n > var/log/rotated.$i.gz; done
for i in $(seq 1 8); do { echo '#!/bin/sh'; echo "echo inert $i"; text "usr/bin/s$i" 5; } > usr/bin/script$i.sh; chmod 755 usr/bin/script$i.sh; done
for i in $(seq 1 4); do tar -cf - --mtime=@1700000000 home/alice | gzip -n > srv/backup$i.tar.gz; text "pad$i" $((i * 400)) >> srv/backup$i.tar.gz; done
elf=$(readlink -f /bin/true)
for i in $(seq 1 5); do cp "$elf" usr/bin/tool$i; text "tool$i" 3 >> usr/bin/tool$i; done
: > tmp/empty1; : > tmp/empty2
for i in $(seq 1 5); do text "etc/c$i" 20 > etc/conf$i.conf; done
# A tool with its nested directories.
text a 30 > opt/tools/README; cp "$elf" opt/tools/.cache/agent; text b 50 > opt/tools/.cache/list.txt
text c 10 > opt/tools/.cache/deep/config.ini; { echo '#!/bin/sh'; echo 'echo inert'; } > opt/tools/.cache/deep/er/run.sh
# A file of 20 MB in many extents: the tree has a level.
if [ -z "${SKIPBIG:-}" ]; then
	for i in $(seq 0 19); do
		head -c 1015808 /dev/zero | openssl enc -aes-128-ctr -K "$(printf %032d "$i")" -iv 00000000000000000000000000000000 2>/dev/null |
			dd of=srv/dump.bin bs=32768 seek=$((i * 32)) conv=notrunc status=none
	done
else
	text dump 5 > srv/dump.bin
fi
# The rest up to 343 in a directory that is large enough for an index.
have=$(find . -xdev -type f | wc -l)
for i in $(seq 1 $((343 - have))); do
	text "b$i" $((i % 40)) > "srv/big/$(printf 'record-of-a-session-with-a-long-name-%04d.dat' "$i")"
done
touch -m -d '2026-01-02 03:04:05.678901234Z' etc/conf4.conf
chown 1000:1000 home/alice/*; chown 1001:1001 home/bob/*; chown 33:33 srv/big/*; chmod 640 var/log/app/*; chmod 600 etc/conf2.conf
sync
cd "$out"
umount "$mnt"

mount -o "$opts,noatime" "$image" "$mnt"
cd "$mnt"
mv home/bob/doc3.txt home/bob/renamed.txt
mv usr/bin/tool3 tmp/.x
sync
gone="home/alice/note2.txt home/alice/note5.txt home/alice/note9.txt home/bob/doc7.txt home/bob/renamed.txt
var/log/app/app1.log var/log/app/app4.log var/log/app/app9.log var/log/app/app10.log var/log/rotated.2.gz var/log/rotated.3.gz
usr/bin/script1.sh usr/bin/script4.sh usr/bin/script8.sh srv/backup1.tar.gz srv/backup4.tar.gz
usr/bin/tool1 usr/bin/tool5 tmp/.x tmp/empty1 etc/conf2.conf etc/conf4.conf srv/dump.bin
srv/big/record-of-a-session-with-a-long-name-0003.dat srv/big/record-of-a-session-with-a-long-name-0077.dat
srv/big/record-of-a-session-with-a-long-name-0123.dat srv/big/record-of-a-session-with-a-long-name-0199.dat
srv/big/record-of-a-session-with-a-long-name-0240.dat"
tree="opt/tools/README opt/tools/.cache/agent opt/tools/.cache/list.txt opt/tools/.cache/deep/config.ini opt/tools/.cache/deep/er/run.sh"
for f in $gone $tree; do
	echo "$(stat -c "/%n	%u	%g	%a	%s	%.9Y	%.9Z	%i" "$f")	$(sha256sum < "$f" | cut -d' ' -f1)"
done > "$out/deleted.tsv"
for f in $gone; do
	case ${SHRED:-}$f in
	1*.txt) shred -u "$f" ;;
	*) rm "$f" ;;
	esac
done
rm -r opt/tools
[ -z "${SYNC:-1}" ] || sync
if [ "$after" -gt 0 ]; then
	mkdir later
	for i in $(seq 1 "$after"); do text "later$i" $((i % 300)) > later/f$i; done
	sync
fi
for i in $(seq 1 "$wrap"); do
	mkdir w; (cd w && seq 1 400 | xargs touch); sync; rm -r w; sync
done
find . -xdev -printf '/%P\n' > "$out/live.txt"
cd "$out"
if [ -n "${CRASH:-}" ]; then
	cp --sparse=always "$image" image.dd
	umount "$mnt"
	rm "$image"
else
	umount "$mnt"
	mv "$image" image.dd
fi
trap - EXIT
