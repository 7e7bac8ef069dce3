/* What everything else calls, as little of it as links. */
static char heap[1 << 16];
static unsigned long taken;

void *xzalloc_bytes(unsigned long size)
{
    void *p = heap + taken;

    if ( size > sizeof(heap) - taken )
        return 0;

    taken += (size + 15) & ~15ul;

    return p;
}

void xfree(void *p)
{
    /* The heap only grows. */
}

void *memcpy(void *d, const void *s, unsigned long n)
{
    unsigned long i;

    for ( i = 0; i < n; i++ )
        ((char *)d)[i] = ((const char *)s)[i];

    return d;
}

void printk(const char *fmt, ...)
{
    /* There is no console. */
}

unsigned int smp_processor_id(void)
{
    return 0;
}
