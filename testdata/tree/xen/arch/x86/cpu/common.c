/*
 * What the processor can do.
 */
#include <xen/init.h>
#include <xen/lib.h>
#include <asm/processor.h>

#define VENDOR_UNKNOWN 0
#define VENDOR_FIRST   1

static unsigned int __init vendor_from_family(unsigned int family)
{
    return family == 0x19 ? VENDOR_FIRST : VENDOR_UNKNOWN;
}

static void init_features(struct cpuinfo_x86 *c)
{
    unsigned int i;

    for ( i = 0; i < ARRAY_SIZE(c->features); i++ )
        c->features[i] = 0;
    c->features[0] = 0x3;
}

void __init identify_cpu(struct cpuinfo_x86 *c)
{
    c->vendor = vendor_from_family(c->family);
    init_features(c);
}
