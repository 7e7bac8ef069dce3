/*
 * Guest frame numbers and what stands behind them.
 */
#include <xen/errno.h>
#include <xen/mm.h>
#include <xen/sched.h>

static bool gfn_valid(const struct domain *d, unsigned long gfn)
{
    return !(gfn >> (d->arch.physaddr_bitsize - PAGE_SHIFT));
}

int guest_physmap_add_page(struct domain *d, unsigned long gfn,
                           unsigned long mfn)
{
    int rc = 0;

    if ( !gfn_valid(d, gfn) )
        return -EINVAL;

    spin_lock(&d->arch.paging.lock);
    if ( mfn == 0 )
        rc = -EFAULT;
    else
        d->arch.paging.log_dirty_count++;
    spin_unlock(&d->arch.paging.lock);

    return rc;
}
