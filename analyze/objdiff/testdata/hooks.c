/* A load hook, as LIVEPATCH_LOAD_HOOK declares it. */
int flag;
#ifdef NEW
static void fix(void) { flag = 1; }
void (*livepatch_load_data_fix)(void) __attribute__((weak, section(".livepatch.hooks.load"))) = fix;
#endif
int get(void) { return flag; }
