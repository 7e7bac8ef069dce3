#!/bin/sh
# The first program of a guest: some work for the hypervisor, then a word on the console.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
exec </dev/null >/dev/hvc0 2>&1
dd if=/dev/zero of=/tmp/fill bs=1M count=16
for file in /sys/hypervisor/*/* /sys/hypervisor/*; do
	[ -f "$file" ] && cat "$file"
done
echo "lpready: guest works"
while :; do
	sleep 1
	dd if=/dev/zero of=/tmp/fill bs=1M count=4
done
