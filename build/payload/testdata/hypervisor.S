/*
 * A hypervisor that runs nowhere, to verify payloads against: functions of known
 * sizes, some local to a file, some that are freed after boot.
 * OTHER is the same with another configuration: plain is longer.
 */
	.macro function name, size, global=1
	.balign 16, 0x90
	.if \global
	.globl \name
	.endif
	.type \name, @function
\name:	.fill \size - 1, 1, 0x90
	ret
	.size \name, \size
	.endm

	.file "common/a.c"
	.text
	function plain, PLAIN
	function second, 32
	function inner, 24, 0
	function tiny, 4
	function spare, 16
	.balign 16, 0x90
	.globl branded
	.type branded, @function
branded: .byte 0xf3, 0x0f, 0x1e, 0xfa
	nop
	nop
	ret
	.size branded, . - branded

	.section .init.text, "ax"
	function at_boot, 16

	.section .init.data, "aw"
	.globl boot_option
	.type boot_option, @object
boot_option: .quad 1
	.size boot_option, 8

	.data
	.globl counter
	.type counter, @object
counter: .quad 0
	.size counter, 8
