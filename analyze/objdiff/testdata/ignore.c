/* What the author of a patch told the differ to leave. */
int out(int);
#ifdef NEW
int left(int x) { return out(x) + 2; }
void *ignore_left __attribute__((section(".livepatch.ignore.functions"))) = left;
int taken(int x) { return out(x) + 4; }
#else
int left(int x) { return out(x) + 1; }
int taken(int x) { return out(x) + 3; }
#endif
