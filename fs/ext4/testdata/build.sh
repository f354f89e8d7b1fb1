#!/bin/sh
# build.sh makes the small images that the fuzz targets start from, with
# mke2fs and debugfs, without root. Two runs give the same bytes.
set -eu
cd "$(dirname "$0")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export SOURCE_DATE_EPOCH=1700000000 E2FSCK_TIME=1700000000 E2FSPROGS_FAKE_TIME=1700000000 MKE2FS_CONFIG="$tmp/mke2fs.conf" LC_ALL=C TZ=UTC
cat >"$tmp/mke2fs.conf" <<CONF
[defaults]
	base_features = sparse_super,large_file,filetype,dir_index,ext_attr
	inode_size = 256
[fs_types]
	ext4 = {
		features = extent,huge_file,flex_bg,metadata_csum,64bit,dir_nlink,extra_isize
	}
	small = {
		inode_ratio = 4096
	}
	floppy = {
		inode_ratio = 4096
	}
CONF

tree=$tmp/tree
mkdir -p "$tree/dir/sub" "$tree/many" "$tree/deleted.d"
printf 'hello\n' >"$tree/small"
seq 1 600 >"$tree/medium"
printf 'inside' >"$tree/dir/sub/file"
i=0
while [ $i -lt 60 ]; do
	printf '' >"$tree/many/entry-with-a-long-name-$i"
	i=$((i + 1))
done
i=0
while [ $i -lt 24 ]; do
	printf 'block %d' $i | dd of="$tree/spread" bs=1024 seek=$((i * 3)) conv=notrunc 2>/dev/null
	i=$((i + 1))
done
printf 'far' | dd of="$tree/far" bs=1024 seek=70000 conv=notrunc 2>/dev/null
ln -s small "$tree/fast"
ln -s "$(printf 'x/%.0s' $(seq 1 60))small" "$tree/slow"
mkfifo "$tree/fifo"
ln "$tree/small" "$tree/dir/hard"
: >"$tree/dir/gone-1"
: >"$tree/dir/gone-2"
find "$tree" -exec touch -h -d @1600000000 {} +

make_image() { # name kilobytes mke2fs-arguments... ; debugfs commands on stdin
	name=$1 size=$2
	shift 2
	rm -f "$tmp/$name.img"
	mke2fs -q -F -b 1024 -U 11111111-2222-3333-4444-555555555555 \
		-E hash_seed=11111111-2222-3333-4444-555555555556,root_owner=0:0 -N 96 "$@" -d "$tree" "$tmp/$name.img" "$size"
	e2fsck -fyD "$tmp/$name.img" >/dev/null 2>&1 || [ $? -le 1 ]
	cat >"$tmp/commands"
	# mke2fs -d copies the change times of the files it reads.
	n=1
	while [ $n -le 85 ]; do
		printf 'sif <%d> ctime @1700000000\nsif <%d> ctime_extra 0\nsif <%d> atime @1700000000\nsif <%d> atime_extra 0\n' $n $n $n $n
		printf 'sif <%d> crtime @1700000000\nsif <%d> crtime_extra 0\nsif <%d> uid 1000\nsif <%d> gid 1000\n' $n $n $n $n
		n=$((n + 1))
	done >>"$tmp/commands"
	debugfs -w -f "$tmp/commands" "$tmp/$name.img" >/dev/null 2>&1
	gzip -9nc "$tmp/$name.img" >"$name.img.gz"
}

value=$(printf 'v%.0s' $(seq 1 700))
make_image ext4 640 -t ext4 -O ea_inode,project <<CMD
ea_set /small user.short value
ea_set /medium user.long $value
ea_set /dir/sub/file security.capability 0100000280200000000000000000000000000000
rm /dir/gone-1
unlink /dir/gone-2
CMD

make_image ext2 640 -t ext2 -I 128 <<CMD
ea_set /medium user.long $value
rm /dir/gone-1
unlink /dir/gone-2
CMD

make_image inline 640 -t ext4 -O inline_data,bigalloc,^metadata_csum,uninit_bg -C 2048 <<CMD
ea_set /small user.short value
ea_set /medium user.long $value
rm /dir/gone-1
unlink /dir/gone-2
CMD
ls -l ./*.img.gz
