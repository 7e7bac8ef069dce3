/* One function edited, one new, one gone, one that only calls them. */
int out(int);

int kept(int x) { return out(x) + 1; }

#ifdef NEW
static __attribute__((noinline)) int helper(int x) { return out(x) * out(x + 7); }
int edited(int x) { return helper(x) + 5; }
#else
int removed(int x) { return out(x) - 9; }
int edited(int x) { return out(x) + 4; }
#endif
