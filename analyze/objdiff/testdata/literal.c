/* A floating-point constant lies in .rodata.cst8, under a label. */
#ifdef NEW
double scale(double x) { return x * 1.25; }
#else
double scale(double x) { return x * 1.75; }
#endif
