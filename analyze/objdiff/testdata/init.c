/* A fix of which one half is boot code. */
#define INIT __attribute__((section(".init.text")))
int out(int);
#ifdef NEW
#define N 2
#else
#define N 1
#endif
INIT int boot_static(int x) { return out(x) + N; }
INIT int boot(int x) { return boot_static(x) * 3; }
int edited(int x) { return out(x) + N; }
