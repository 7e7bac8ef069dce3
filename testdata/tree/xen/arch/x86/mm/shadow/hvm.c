/*
 * The part of shadow paging that only HVM guests use.
 */
#include <xen/lib.h>
#include <asm/shadow.h>

void shadow_resync(struct domain *d)
{
    if ( d->arch.paging.shadow.oos_active )
        d->arch.paging.shadow.oos_active = false;
}
