/* A line more above the users of __LINE__: they differ in nothing else. */
void crash(const char *, int);
int out(int);

int edited(int x)
{
#ifdef NEW
    x = out(x);
#endif
    return x + 1000;
}
#ifdef NEW
#line 21
#else
#line 20
#endif
int follows(int x)
{
    if ( !x )
        crash("here", __LINE__);
    return out(x);
}

/* 40 becomes 41, but that is no line of this function. */
#ifdef NEW
#define LIMIT 41
#else
#define LIMIT 40
#endif
void constant(void) { crash("there", LIMIT); }
