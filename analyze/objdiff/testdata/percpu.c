/* A new variable in a section that the object had already, or had not. */
#define PERCPU(s) __attribute__((section(s)))
int out(int *);
PERCPU(".bss.percpu") int old_var;
#ifdef NEW
PERCPU(".bss.percpu") int new_var;
int edited(void) { return out(&new_var); }
#else
int edited(void) { return out(&old_var); }
#endif
int other(void) { return out(&old_var); }
