#define INIT __attribute__((section(".init.text")))
int out(int);
#ifdef NEW
#define N 2
#else
#define N 1
#endif
INIT int boot(int x) { return out(x) + N; }
int same(int x) { return out(x); }
