#!/bin/sh
# The first program of dom0. It runs the steps in /steps.sh and writes what came of each
# to the second serial port, free of what Xen and the kernel say on the first:
#
#	@ready UPTIME
#	@STEP begin UPTIME
#	|a line that the command printed
#	@STEP exit STATUS TRIES UPTIME     or     @STEP skip
#	@done UPTIME
#
# A step that goes on is marked on Xen's console too, so that what Xen says belongs to it.
export PATH=/bin LD_LIBRARY_PATH=/lib
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec </dev/null >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 -opost

uptime() { read -r up rest </proc/uptime; echo "$up"; }

passed=' '

# step ID NEED COMMAND...: run a command if the step NEED ("-" for none) passed. Exit
# code 2 of xen-livepatch asks for another try: the processors did not meet in time.
step() {
	id=$1 need=$2
	shift 2
	case $need in
	-) ;;
	*) case $passed in *" $need "*) ;; *) echo "@$id skip"; return ;; esac ;;
	esac
	echo "lpready: step $id" >/dev/hvc0
	echo "@$id begin $(uptime)"
	tries=0
	while :; do
		tries=$((tries + 1))
		"$@" >/tmp/out 2>&1
		status=$?
		case $1 in livepatch) ;; *) break ;; esac
		[ $status = 2 ] && [ $tries -lt 5 ] || break
		sleep 0.3
	done
	head -c 65536 /tmp/out | sed 's/^/|/'
	[ $status = 0 ] && passed="$passed$id "
	echo "@$id exit $status $tries $(uptime)"
}

# livepatch ARGUMENT...: xen-livepatch with a limit of time.
livepatch() { timeout -s KILL 30 xen-livepatch "$@"; }

# states: the payloads that Xen has.
states() { livepatch list; }

# exercise: ask the hypervisor what it tells to a dom0 without any program of Xen's.
exercise() {
	for file in /sys/hypervisor/*/* /sys/hypervisor/*; do
		[ -f "$file" ] && timeout -s KILL 10 cat "$file"
	done
	livepatch list >/dev/null
}

for module in /modules/*.ko; do
	[ -f "$module" ] && insmod "$module"
done
[ -f /guest.sh ] && . /guest.sh
echo "@ready $(uptime)"
. /steps.sh
echo "@done $(uptime)"
exec >/dev/null 2>&1
sleep 0.1
printf '\0' | dd of=/dev/port bs=1 seek=244 count=1
poweroff -f
