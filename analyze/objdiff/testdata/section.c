/* A variable that becomes constant changes its section. */
#ifdef NEW
const
#endif
int limit = 5;
int get(void) { return *(volatile const int *)&limit; }
