#!/bin/sh
# Makes lvm/: run as root where Linux has device-mapper and loop, in an empty folder
# that holds data.img and data2.img as md.sh says.
mkdir lvm
export LVM_SUPPRESS_FD_WARNINGS=1
for i in 0 1 2 3 4; do truncate -s 15M lvm/$i.img; [ -e /dev/loop$i ] || mknod /dev/loop$i b 7 $i; losetup /dev/loop$i lvm/$i.img; done
lvm pvcreate --metadatasize 128k /dev/loop0 /dev/loop1 /dev/loop2 /dev/loop3 /dev/loop4
lvm vgcreate -s 128k vg0 /dev/loop0 /dev/loop1 /dev/loop2 /dev/loop3 /dev/loop4
w() { dd if=$2 of=/dev/vg0/$1 bs=64k conv=notrunc 2>/dev/null; sync; }
lvm lvcreate -Wn -Zn -y -n gone -L 2M vg0 /dev/loop4; w gone data2.img
lvm lvcreate -Wn -Zn -y -n linear -L 3M vg0 /dev/loop0
lvm lvextend -L +2M vg0/linear /dev/loop1
lvm lvextend -L +1M vg0/linear /dev/loop0
w linear data.img
lvm lvcreate -Wn -Zn -y -n striped -i 3 -I 32k -L 3M vg0; w striped data2.img
lvm lvcreate -Wn -Zn -y -n raid1 --type raid1 -m 1 -L 2M vg0; w raid1 data.img
lvm lvcreate -Wn -Zn -y -n mirror --type mirror -m 1 --mirrorlog core -L 1M vg0; w mirror data2.img
lvm lvcreate -Wn -Zn -y -n raid0 --type raid0 -i 2 -I 16k -L 1M vg0; w raid0 data.img
lvm lvcreate -Wn -Zn -y -n raid4 --type raid4 -i 2 -I 16k -L 1M vg0; w raid4 data.img
lvm lvcreate -Wn -Zn -y -n raid5 --type raid5 -i 3 -I 16k -L 3M vg0; w raid5 data2.img
lvm lvcreate -Wn -Zn -y -n raid5n --type raid5_n -i 2 -I 16k -L 1M vg0; w raid5n data.img
lvm lvcreate -Wn -Zn -y -n raid6 --type raid6 -i 3 -I 16k -L 3M vg0; w raid6 data.img
lvm lvcreate -Wn -Zn -y -n raid6nc --type raid6_nc -i 3 -I 16k -L 3M vg0; w raid6nc data2.img
lvm lvcreate -Wn -Zn -y -n raid10 --type raid10 -i 2 -m 1 -I 16k -L 2M vg0; w raid10 data.img
lvm lvcreate -y -Zn --type thin-pool -n pool -L 4M --poolmetadatasize 2M -c 64k vg0
lvm lvcreate -y -n thin -V 16M --thinpool pool vg0
dd if=data.img of=/dev/vg0/thin bs=64k count=8 seek=3 2>/dev/null; dd if=data2.img of=/dev/vg0/thin bs=64k count=4 seek=100 2>/dev/null; sync
lvm lvcreate -y -s -n thinsnap vg0/thin; lvm lvchange -ay -K vg0/thinsnap
dd if=data2.img of=/dev/vg0/thin bs=64k count=4 seek=5 conv=notrunc 2>/dev/null; sync
lvm lvcreate -Wn -Zn -y -n orig -L 2M vg0; w orig data.img
lvm lvcreate -y -s -n snap -c 4k -L 2M vg0/orig
dd if=data2.img of=/dev/vg0/orig bs=4k count=20 seek=7 conv=notrunc 2>/dev/null; dd if=data2.img of=/dev/vg0/snap bs=4k count=2 seek=99 conv=notrunc 2>/dev/null; sync
lvm lvremove -y vg0/gone
lvm lvcreate -Wn -Zn -y -n reuse -L 512k vg0 /dev/loop4
sync; sleep 1
for v in linear striped raid1 mirror raid0 raid4 raid5 raid5n raid6 raid6nc raid10 thin thinsnap orig snap; do printf "%s %s %s\n" $v $(blockdev --getsize64 /dev/vg0/$v) $(dd if=/dev/vg0/$v bs=64k 2>/dev/null | sha256sum | cut -c1-64) >> lvm/manifest; done
printf "gone 2097152 %s\n" $(head -c 2097152 data2.img | sha256sum | cut -c1-64) >> lvm/manifest
lvm lvs -a -o name,segtype,seg_size,seg_pe_ranges,devices --units b vg0
lvm lvs -a -o name,seg_start,seg_le_ranges,seg_pe_ranges,lv_uuid --units b --noheadings --separator '|' vg0 > lvm/lvs
lvm vgs -o vg_name,vg_uuid,vg_seqno vg0
lvm vgchange -an vg0
for i in 0 1 2 3 4; do losetup -d /dev/loop$i; done
