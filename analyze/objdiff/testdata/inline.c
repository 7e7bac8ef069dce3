/* An edited function without a symbol: its code is in its callers. */
int out(int);
#ifdef NEW
#define N 2
#else
#define N 1
#endif
static inline __attribute__((always_inline)) int fixed(int x) { return out(x) + N; }
static inline __attribute__((always_inline)) int middle(int x) { return fixed(x) * 5; }
int caller(int x) { return middle(x); }
int other(int x) { return fixed(x + 1); }
int bystander(int x) { return out(x); }
