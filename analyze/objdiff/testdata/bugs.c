/* Special sections: bug frames, the exception table with its fix-up code, and
   alternatives. Entries as long as those of Xen 4.17. */
#define BUG() asm volatile ( "1: ud2\n .pushsection .bug_frames.0, \"a\"; .p2align 2\n .long 1b - ., 0\n .popsection" )
#define ALT(feature) asm volatile ( "1: nop; nop; nop\n 2: .pushsection .altinstructions, \"a\"\n .long 1b - ., 3f - .\n .word " #feature "; .byte 3, 3, 0, 0\n .popsection\n" \
    ".pushsection .altinstr_replacement, \"ax\"\n 3: .byte 0x0f, 0x01, 0xca\n .popsection" )
#define ACCESS(p) asm volatile ( "1: mov (%0), %%eax\n 2: .pushsection .fixup, \"ax\"\n 3: xor %%eax, %%eax; jmp 2b\n .popsection\n" \
    ".pushsection .ex_table, \"a\"; .p2align 2\n .long 1b - ., 3b - .\n .popsection" :: "r" (p) : "eax" )
int out(int);
#ifdef NEW
#define N 2
#else
#define N 1
#endif
int edited(int *p) { ACCESS(p); ALT(5); if ( *p ) BUG(); return out(N); }
int same(int *p) { ACCESS(p + 1); ALT(6); if ( *p ) BUG(); return out(3); }
