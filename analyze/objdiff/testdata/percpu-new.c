int out(int *);
#ifdef NEW
static __attribute__((section(".bss.percpu"))) int new_var;
int edited(void) { return out(&new_var); }
#else
int edited(void) { return out((int *)0); }
#endif
