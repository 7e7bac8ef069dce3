/* The number of a clone is arbitrary. */
int out(int, int);
#ifdef NEW
static __attribute__((noinline)) int extra(int a, int b) { return out(a, b) + out(b, a); }
int uses_extra(int x) { return extra(x, 9) + extra(x + 1, 9); }
#endif
static __attribute__((noinline)) int inner(int a, int b) { return out(a, b) * out(b, a); }
int uses_inner(int x) { return inner(x, 4) + inner(x + 1, 4); }
