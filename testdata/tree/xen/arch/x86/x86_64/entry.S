/*
 * The way in from a guest and from a trap.
 */
#include <xen/config.h>

        .section .text.entry, "ax", @progbits

        .globl trap_entry
        .type trap_entry, @function
trap_entry:
        pushq %rdx
        pushq %rcx
        pushq %rax
        movq  %rsp, %rdi
        call  do_trap
        popq  %rax
        popq  %rcx
        popq  %rdx
        iretq
        .size trap_entry, . - trap_entry
