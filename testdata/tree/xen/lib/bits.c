/*
 * Counting bits.
 */
#include <xen/lib.h>

unsigned int hweight64(uint64_t bits)
{
    unsigned int n = 0;

    for ( ; bits; bits &= bits - 1 )
        n++;

    return n;
}
