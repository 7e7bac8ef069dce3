#include <asm/asm_defns.h>

#define FRAME 8

        .section .text.entry, "ax"

/* void enter(void) */
ENTRY(enter)
        push  %rax            # don't mind
.Llocal:
        pop   %rax
        ret
END(enter)

helper:
        ret
#ifdef CONFIG_PV
GLOBAL(pv_enter)
        jmp   enter
#endif
