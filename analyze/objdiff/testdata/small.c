#ifdef NEW
int tiny(int x) { return x + 1; }
#else
int tiny(int x) { return x; }
#endif
