int out(int);
#ifdef NEW
__attribute__((noinline)) int shared(int x) { return out(x) + out(2); }
#else
static __attribute__((noinline)) int shared(int x) { return out(x) + out(2); }
#endif
int user(int x) { return shared(x) + shared(3); }
