/* An initialiser that changes, with and without a changed function. */
#ifdef NEW
int table[2] = { 1, 3 };
int edited(int x) { return x + 2; }
#else
int table[2] = { 1, 2 };
int edited(int x) { return x * 3 + 1; }
#endif
