/*
 * Interrupt controller of the sample Arm port.
 */
#include <xen/types.h>
#include <xen/errno.h>

#define NR_LRS 4

static uint64_t gic_lr[NR_LRS];

int gic_set_lr(unsigned int lr, uint64_t value)
{
    if ( lr > NR_LRS )
        return -EINVAL;

    gic_lr[lr] = value;

    return 0;
}
