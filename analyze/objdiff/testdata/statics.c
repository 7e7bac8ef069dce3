/* Local variables of functions, whose numbers move when one is added. */
int out(int *);
#ifdef NEW
int first(void) { static int count, extra; return out(&count) + out(&extra); }
#else
int first(void) { static int count; return out(&count); }
#endif
int second(void) { static int count = 7; return out(&count); }
int third(void) { static int __attribute__((section(".data.read_mostly"))) seen = 3; return out(&seen); }
