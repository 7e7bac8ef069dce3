#!/bin/sh
# Makes the payloads of the tests, for Debian's Xen 4.17.5+72: make.sh [FOLDER]. It
# needs gcc and binutils; the same versions make the same bytes.
set -eu
cd "$(dirname "$0")"
out=$(cd "${1:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# id BYTE: a build-id of that byte; bytes ID: with commas.
id() { printf "$1%.0s" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; }
bytes() { echo "$1" | sed 's/../0x&, /g; s/, $//'; }

xen=39a640e6f1412319235087391df9f1c5e13ae920

# payload NAME BUILD-ID DEPENDS SIZE DEFINITION...
payload() {
	name=$1 its=$2 depends=$3 size=$4
	shift 4
	gcc -m64 -c -Wa,-mx86-used-note=no -Wa,--fatal-warnings -DXEN_ID="$(bytes $xen)" -DDEPENDS_ID="$(bytes "$depends")" \
		-DREPLACEMENT_SIZE="$size" "$@" -o "$work/p.o" payload.S
	ld -r --build-id="0x$(id "$its")" -o "$out/$name.livepatch" "$work/p.o"
	chmod 644 "$out/$name.livepatch"
}

payload hello a1 $xen 8
payload hello-again a2 "$(id a1)" 8 '-DWORD=".5-again"'

# Wrong ones, which no look at the file shows. Xen prints its version when it crashes,
# so that the third one never gets to an end of crashing.
payload crash-hook b1 $xen 8 -DHOOK=load
payload crash-code b2 $xen 2 -DCRASH '-DOLD_NAME="xen_changeset"' -DOLD_SIZE=12
payload fault-loop b3 $xen 2 -DCRASH
payload hang b5 $xen 8 -DHOOK=load -DHANG
payload no-quiet b4 $xen 8 -DHOOK=postapply -DSPIN
