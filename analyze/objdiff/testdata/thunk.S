/* A function that begins behind padding in a section of its own, as Xen 4.17's
   indirect-thunk.o has them. Only the note changes. */
        .section .text.thunk, "ax", @progbits
        .skip 32, 0xcc
        .globl thunk
        .type thunk, @function
thunk:  jmp *%rax
        .size thunk, . - thunk
        .section .comment.version
#ifdef NEW
        .long 2
#else
        .long 1
#endif
