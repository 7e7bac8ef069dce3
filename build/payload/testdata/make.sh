#!/bin/sh
# Makes the payloads and the hypervisors of the tests out of the sources beside this
# script: make.sh [FOLDER]. It needs gcc and binutils; the same versions make the
# same bytes.
set -eu
cd "$(dirname "$0")"
out=$(cd "${1:-.}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# id BYTE: a build-id of that byte.
id() { printf '0x'; printf "$1%.0s" 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; }

assemble() { gcc -m64 -c -Wa,-mx86-used-note=no -Wa,--fatal-warnings "$@"; }

# hypervisor NAME BUILD-ID DEFINITION...
hypervisor() {
	name=$1 its=$2
	shift 2
	assemble "$@" -o "$work/h.o" hypervisor.S
	assemble -o "$work/t1.o" twice.S
	cp "$work/t1.o" "$work/t2.o"
	ld -N --no-warn-rwx-segments -T hypervisor.ld --build-id="$(id "$its")" -o "$out/$name" "$work/h.o" "$work/t1.o" "$work/t2.o"
	chmod 644 "$out/$name"
}

# payload NAME DEFINITION...: the same as good but for the definitions, and with a
# build-id of its own.
build=30
payload() {
	name=$1
	shift
	build=$((build + 1))
	assemble "$@" -o "$work/p.o" payload.S
	ld -r --build-id="$(id $build)" -o "$out/$name.livepatch" "$work/p.o"
	chmod 644 "$out/$name.livepatch"
}

hypervisor xen-syms 11 -DPLAIN=16
hypervisor xen-syms-other 22 -DPLAIN=20

payload good -DALTERNATIVES -DCALLS

# For which hypervisor, and upon what.
payload other-build-id -DXEN_ID=0x22
payload other-depends -DDEPENDS_ID=0x22
payload upon-good -DDEPENDS_ID=0x31 -DFRESH=fresher
payload no-depends -DNO_DEPENDS
payload no-xen-depends -DNO_XEN_DEPENDS
payload empty-depends -DEMPTY_DEPENDS
payload bad-depends -DBAD_DEPENDS
payload bad-xen-depends -DBAD_XEN_DEPENDS
payload other-configuration -DOLD_SIZE=20

# Sections, symbols and relocations.
payload write-and-execute '-DEXTRA=.section .wx, "awx"; nop'
payload big-bss '-DEXTRA=.bss; .skip 3 << 20'
payload not-loaded -DNO_INNER '-DFUNCS_FLAGS=""'
payload common '-DEXTRA=.comm shared, 8'
payload unknown-symbol '-DEXTRA=.section .rodata, "a"; .quad nowhere'
payload ambiguous '-DOLD_NAME="common/twice.c#twin"'
payload init-reference '-DEXTRA=.section .rodata, "a"; .quad boot_option'
payload relocation-type '-DEXTRA=.section .rodata, "a"; .long counter'
payload relocation-symbol '-DEXTRA=.section .rodata, "a"; .set low, 0x1000; .long low - .'
payload relocation-ignored '-DEXTRA=.section .away, ""; away: .quad 0; .section .rodata, "a"; .quad away'
payload relocation-far '-DEXTRA=.section .rodata, "a"; .long counter + 0x100000000 - .'

# Functions and hooks.
payload nothing -DNO_INNER -DNO_FUNCS -DNO_HOOKS
payload no-functions -DNO_INNER -DEMPTY_FUNCS
payload version-1 -DVERSION=1
payload version-3 -DVERSION=3
payload zero-size -DOLD_SIZE=0
payload unknown-function '-DOLD_NAME="gone"'
payload long-nop -DNO_INNER -DNOP_SIZE=32 '-DOLD_NAME="second"' -DOLD_SIZE=32
payload wide-nop -DNO_INNER -DNOP_SIZE=20
payload tiny '-DOLD_NAME="tiny"' -DOLD_SIZE=4 -DEXPECT_BITS=0
payload branded '-DOLD_NAME="branded"' -DOLD_SIZE=7 -DEXPECT_BITS=0
payload distant -DOLD_ADDR=0x1000 -DEXPECT_BITS=0
payload init-function '-DOLD_NAME="at_boot"'
payload expectation '-DEXPECT_BYTES=0x90, 0x91'
payload expectation-long -DEXPECT_BITS=63
payload expectation-reserved -DEXPECT_BITS=0x45
payload veto -DVETO=preapply
payload veto-revert -DVETO=prerevert
payload two-hooks -DTWO_HOOKS
payload data '-DEXTRA=.data; .quad 0'
payload missing-function -DNO_INNER

# What may be there.
payload alternatives-odd -DALTERNATIVES -DODD_ALTERNATIVES
payload alternatives-no-text -DALTERNATIVES -DNO_TEXT -DNOP_SIZE=5 '-DALT_FLAGS="a"' -DALT_ORIGINAL=.Lname
payload alternatives-alone -DALTERNATIVES -DNO_REPLACEMENT -DALT_REPLACEMENT=new_plain
payload alternatives-original -DALTERNATIVES -DALT_ORIGINAL=counter
payload alternatives-replacement -DALTERNATIVES -DALT_REPLACEMENT=new_plain
payload alternatives-long -DALTERNATIVES '-DALT_LENGTHS=2, 4, 1'
payload calls-no-text -DCALLS -DNO_TEXT -DNOP_SIZE=5 -DCALL_SITE=.Lname
payload calls-outside -DCALLS -DCALL_SITE=counter
payload metadata -DMETADATA_END=0x21
payload duplicate -DFRESH=spare

# A file that was cut off.
head -c 1500 "$out/good.livepatch" >"$out/truncated.livepatch"

{ as --version | head -n 1; ld --version | head -n 1; } >"$out/tools.txt"
