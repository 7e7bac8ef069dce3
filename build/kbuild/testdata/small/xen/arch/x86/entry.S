#include <asm/asm-offsets.h>

        .text
        .globl entry_next
entry_next:
        mov   DOMAIN_next(%rdi), %rax
        ret
