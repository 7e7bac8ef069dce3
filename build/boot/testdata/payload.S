/*
 * Payloads for one hypervisor that anybody can have: Debian's Xen 4.17.5+72, whose
 * build-id and sizes of functions stand here. All of them replace a function; what it
 * is replaced by, and the hooks, are chosen by the definitions in make.sh.
 */
#ifndef OLD_NAME
#define OLD_NAME "xen_extra_version"
#define OLD_SIZE 12
#endif
#ifndef WORD
#define WORD ".5-lpready"
#endif

	.text
	.globl replacement
	.type replacement, @function
replacement:
#ifdef CRASH
	ud2
#else
	lea .Lword(%rip), %rax
	ret
#endif
	.size replacement, . - replacement

#ifdef HOOK
	.type hook_body, @function
hook_body:
#ifdef SPIN
	/* Have the second processor run what never comes back. */
	sub $8, %rsp
	lea .Lsecond(%rip), %rdi
	lea spin(%rip), %rsi
	xor %edx, %edx
	xor %ecx, %ecx
	call on_selected_cpus
	xor %eax, %eax
	add $8, %rsp
	ret
#elif defined HANG
1:	jmp 1b
#else
	ud2
#endif
	.size hook_body, . - hook_body
#endif

#ifdef SPIN
	.type spin, @function
spin:	sti
1:	pause
	jmp 1b
	.size spin, . - spin

	.section .rodata, "a"
	.balign 8
.Lsecond:
	.quad 2, 0, 0, 0	/* cpumask_t of 256 processors */
#endif

	.section .rodata.str, "a"
.Lword:	.asciz WORD

	.section .livepatch.strings, "a"
.Lname:	.asciz OLD_NAME

	/* struct livepatch_func */
	.section .livepatch.funcs, "a"
	.balign 8
	.quad .Lname, replacement, 0
	.long REPLACEMENT_SIZE, OLD_SIZE
	.byte 2
	.fill 39 + 32, 1, 0

	.macro note section, id:vararg
	.section \section, "a"
	.long 4, 20, 3
	.asciz "GNU"
	.byte \id
	.endm
	note .livepatch.depends, DEPENDS_ID
	note .livepatch.xen_depends, XEN_ID

#ifdef HOOK
	.section .livepatch.hooks.HOOK, "a"
	.balign 8
	.quad hook_body
#endif
