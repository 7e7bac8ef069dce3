/* The unlikely part of a function lies in a section of its own. */
void fail(int) __attribute__((cold, noreturn));
void note(int);
#ifdef NEW
#define N 8
#else
#define N 7
#endif
int split(int x)
{
    if ( __builtin_expect(x == 3, 0) )
    {
        note(N);
        fail(x);
    }
    return x * 5;
}
