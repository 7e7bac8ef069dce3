#ifdef NEW
const char *const names[] = { "a", "b", "c" };
#else
const char *const names[] = { "a", "b" };
#endif
const char *name(int i) { return names[i]; }
