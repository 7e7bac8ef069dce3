/* A section group that changes. */
        .section .text.shared, "axG", @progbits, shared, comdat
        .globl shared
        .type shared, @function
shared:
#ifdef NEW
        mov $2, %eax
#else
        mov $1, %eax
#endif
        nop
        ret
        .size shared, . - shared
