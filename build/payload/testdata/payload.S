/*
 * A payload for the hypervisor beside it: it replaces plain and a local function,
 * and has all that a payload can have. The definitions that are given when it is
 * assembled take something away or make something wrong; see make.sh.
 */
#ifndef VERSION
#define VERSION 2
#endif
#ifndef OLD_SIZE
#define OLD_SIZE 16
#endif
#ifndef OLD_NAME
#define OLD_NAME "plain"
#endif
#ifndef OLD_ADDR
#define OLD_ADDR 0
#endif
#ifndef FUNCS_FLAGS
#define FUNCS_FLAGS "a"
#endif
#ifndef XEN_ID
#define XEN_ID 0x11
#endif
#ifndef DEPENDS_ID
#define DEPENDS_ID XEN_ID
#endif
#ifndef EXPECT_BITS
#define EXPECT_BITS 5		/* enabled, two bytes */
#endif
#ifndef EXPECT_BYTES
#define EXPECT_BYTES 0x90, 0x90
#endif
#ifndef FRESH
#define FRESH fresh
#endif
#ifndef ALT_ORIGINAL
#define ALT_ORIGINAL new_plain
#endif
#ifndef ALT_REPLACEMENT
#define ALT_REPLACEMENT .Lreplacement
#endif
#ifndef ALT_LENGTHS
#define ALT_LENGTHS 4, 4, 0
#endif
#ifndef CALL_SITE
#define CALL_SITE new_plain
#endif
#ifndef ALT_FLAGS
#define ALT_FLAGS "ax"
#endif
#ifndef METADATA_END
#define METADATA_END 0
#endif

	.file "common/a.c"

#ifndef NO_TEXT
	.text
	.globl new_plain
	.type new_plain, @function
new_plain:
	call *counter(%rip)
	call second
	call FRESH
	ret
	.size new_plain, . - new_plain

#ifndef NO_INNER
	.type "common/a.c#inner", @function
.Linner:
"common/a.c#inner":
	call FRESH
	ret
	.size "common/a.c#inner", . - "common/a.c#inner"
#endif

	.globl FRESH
	.type FRESH, @function
FRESH:	xor %eax, %eax
	ret
	.size FRESH, . - FRESH
#endif

	.section .livepatch.strings, "a"
.Lname:	.asciz OLD_NAME
.Linner_name:	.asciz "common/a.c#inner"

	/* struct livepatch_func */
	.macro function name, new, old_addr, new_size, old_size, bits, data:vararg
9:	.quad \name, \new, \old_addr
	.long \new_size, \old_size
	.byte VERSION
#if VERSION == 1
	.fill 31, 1, 0
#else
	.fill 39, 1, 0
8:	.byte \bits, \data
	.fill 32 - (. - 8b), 1, 0
#endif
	.endm

#ifndef NO_FUNCS
	.section .livepatch.funcs, FUNCS_FLAGS
	.balign 8
#ifdef NOP_SIZE
	function .Lname, 0, OLD_ADDR, NOP_SIZE, OLD_SIZE, 0, 0
#elif !defined EMPTY_FUNCS
	function .Lname, new_plain, OLD_ADDR, 17, OLD_SIZE, EXPECT_BITS, EXPECT_BYTES
#ifndef NO_INNER
	function .Linner_name, .Linner, 0, 6, 24, 0, 0
#endif
#endif
#endif

	.macro note section, id
	.section \section, "a"
	.long 4, 20, 3
	.asciz "GNU"
	.fill 20, 1, \id
	.endm
#ifdef EMPTY_DEPENDS
	.section .livepatch.depends, "a"
#elif defined BAD_DEPENDS
	.section .livepatch.depends, "a"
	.ascii "0123456789012345678901234567890123456789"
#elif !defined NO_DEPENDS
	note .livepatch.depends, DEPENDS_ID
#endif
#ifdef BAD_XEN_DEPENDS
	.section .livepatch.xen_depends, "a"
	.ascii "0123456789012345678901234567890123456789"
#elif !defined NO_XEN_DEPENDS
	note .livepatch.xen_depends, XEN_ID
#endif

#ifndef NO_TEXT
	.macro hook kind, count=1
	.section .livepatch.hooks.\kind, "a"
	.balign 8
	.rept \count
	.quad FRESH
	.endr
	.endm
#ifndef NO_HOOKS
	hook load
#endif
#ifdef VETO
	hook VETO
#endif
#ifdef TWO_HOOKS
	hook apply, 2
#endif
#endif

#ifdef ALTERNATIVES
	.section .altinstructions, "a"
	.long ALT_ORIGINAL - ., ALT_REPLACEMENT - .
	.short 1
	.byte ALT_LENGTHS, 0
#ifdef ODD_ALTERNATIVES
	.short 0
#endif
#ifndef NO_REPLACEMENT
	.section .altinstr_replacement, ALT_FLAGS
.Lreplacement:
	.fill 4, 1, 0x90
#endif
#endif

#ifdef CALLS
	.section .alt_call_sites, "a"
	.long CALL_SITE - .
#endif

	.section .modinfo, "a"
	.ascii "author=nobody"
	.byte 0
	.ascii "title=a test"
	.byte METADATA_END

#ifdef EXTRA
	EXTRA
#endif
