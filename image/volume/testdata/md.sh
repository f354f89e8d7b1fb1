#!/bin/sh
# Makes md/: run as root where Linux has md and loop, in an empty folder that holds
# data.img and data2.img: 12 MiB of "A0000000", "A0000001", ..., and of "B...", each
# number for 4096 bytes.
mkdir -p md
[ -e /dev/md9 ] || mknod /dev/md9 b 9 9
mk() { # name sizes -- mdadm args
 name=$1; sizes=$2; shift 2
 mkdir -p md/$name; devs=""; n=0
 for s in $sizes; do
  truncate -s $s md/$name/$n.img; l=/dev/loop$n; [ -e $l ] || mknod $l b 7 $n; losetup $l md/$name/$n.img || echo losetup failed; devs="$devs $l"; n=$((n+1))
 done
 yes | mdadm --create /dev/md9 --run --homehost=srv "$@" $devs > log 2>&1 || { echo "$name: create failed"; for i in $(seq 0 $((n-1))); do losetup -d /dev/loop$i; done; return; }
 mdadm --wait /dev/md9 >/dev/null 2>&1
 dd if=data.img of=/dev/md9 bs=64k conv=notrunc >/dev/null 2>&1
 sync
 [ -n "$HOOK" ] && eval "$HOOK" >> log 2>&1
 sync
 echo "$name $(blockdev --getsize64 /dev/md9) $(sha256sum < /dev/md9 | cut -c1-64)" >> md/manifest
 mdadm --stop /dev/md9 >/dev/null 2>&1 || echo "$name: stop failed"
 for i in $(seq 0 $((n-1))); do losetup -d /dev/loop$i; done
}
E3="1600K 1600K 1600K"; E4="$E3 1600K"; E5="$E4 1600K"
mk raid0 "$E3" -N r0 -l 0 -n 3 -c 16 -e 1.2
mk raid0z "1808K 2000K 2600K" -N r0z -l 0 -n 3 -c 16 -e 1.2
mk raid0zorig "1808K 2000K 2600K" -N r0z -l 0 -n 3 -c 16 -e 1.2 --layout=original
mk linear "1808K 2000K 2600K" -N lin -l linear -n 3 -e 1.2
mk linearold "1808K 2000K 2600K" -l linear -n 3 -e 0.90
for e in 0.90 1.0 1.1 1.2; do mk raid1-$e "1600K 1600K" -N mir -l 1 -n 2 -e $e; done
mk raid4 "$E4" -N r4 -l 4 -n 4 -c 16
for p in left-asymmetric right-asymmetric left-symmetric right-symmetric parity-first parity-last; do mk raid5-$p "$E4" -N r5 -l 5 -n 4 -c 16 -p $p; done
mk raid5old "$E4" -l 5 -n 4 -c 16 -e 0.90
for p in left-asymmetric right-asymmetric left-symmetric right-symmetric parity-first parity-last ddf-zero-restart ddf-N-restart ddf-N-continue left-asymmetric-6 right-asymmetric-6 left-symmetric-6 right-symmetric-6 parity-first-6; do mk raid6-$p "$E5" -N r6 -l 6 -n 5 -c 16 -p $p; done
mk raid10-n2 "$E4" -N r10 -l 10 -n 4 -c 16 -p n2
mk raid10-n2o "$E3" -N r10 -l 10 -n 3 -c 16 -p n2
mk raid10-n3 "$E4" -N r10 -l 10 -n 4 -c 16 -p n3
mk raid10-f2 "$E4" -N r10 -l 10 -n 4 -c 16 -p f2
mk raid10-f2o "$E3" -N r10 -l 10 -n 3 -c 16 -p f2
mk raid10-o2 "$E4" -N r10 -l 10 -n 4 -c 16 -p o2
mk raid10-o3 "$E5" -N r10 -l 10 -n 5 -c 16 -p o3
HOOK='mdadm /dev/md9 --fail /dev/loop1; mdadm /dev/md9 --remove /dev/loop1; for i in 1 2 3; do dd if=data2.img of=/dev/md9 bs=64k conv=notrunc; sync; done'
mk raid1-stale "1600K 1600K" -N stale -l 1 -n 2
mk raid5-stale "$E3" -N stale5 -l 5 -n 3 -c 16
HOOK=''
mk raid5-spare "$E4" -N sp -l 5 -n 3 -x 1 -c 16
