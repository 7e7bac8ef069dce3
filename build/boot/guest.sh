# What a dom0 needs before it can run a guest, and what it does with one. Read by init.sh.
mkdir -p /dev/pts /etc/xen /run /var/lock /var/run/xen /var/run/xenstored /var/lib/xen /var/lib/xenstored /var/log/xen/console
mount -t devpts devpts /dev/pts
mount -t xenfs xenfs /proc/xen
ln -s /var/run/xen /run/xen
ln -s /var/run/xenstored /run/xenstored
: >/etc/xen/xl.conf

toolstack() {
	timeout -s KILL 30 xenstored --pid-file=/var/run/xenstored.pid &&
		timeout -s KILL 30 xen-init-dom0 &&
		timeout -s KILL 30 xenconsoled --log=guest --log-dir=/var/log/xen/console --pid-file=/var/run/xenconsoled.pid
}

# create NAME: make a PVH guest that says on its console what it does.
create() {
	cat >/tmp/$1.cfg <<-EOF
		name = "$1"
		type = "pvh"
		kernel = "/guest/vmlinuz"
		ramdisk = "/guest/initrd.img"
		extra = "console=hvc0 quiet panic=1"
		memory = 192
		vcpus = 1
		tsc_mode = "native"
		on_crash = "preserve"
	EOF
	timeout -s KILL 120 xl create /tmp/$1.cfg
}

# running NAME: wait until it has worked.
running() {
	tries=0
	until grep -q 'lpready: guest works' /var/log/xen/console/guest-$1.log; do
		tries=$((tries + 1))
		if [ $tries -gt 240 ]; then
			cat /var/log/xen/console/guest-$1.log
			xl list
			return 1
		fi
		sleep 0.5
	done
}

destroy() { timeout -s KILL 60 xl destroy "$1"; }
