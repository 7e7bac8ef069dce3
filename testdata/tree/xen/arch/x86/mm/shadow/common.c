/*
 * Shadow page tables for guests that bring their own.
 */
#include <xen/errno.h>
#include <xen/mm.h>
#include <asm/shadow.h>

#define SHADOW_MIN_PAGES 64

static int set_allocation(struct domain *d, unsigned int pages)
{
    struct shadow_domain *s = &d->arch.paging.shadow;

    if ( pages < SHADOW_MIN_PAGES )
        pages = SHADOW_MIN_PAGES;

    s->free_pages += pages - s->total_pages;
    s->total_pages = pages;

    return 0;
}

int shadow_enable(struct domain *d, unsigned int pages)
{
    int rc;

    spin_lock(&d->arch.paging.lock);
    rc = set_allocation(d, pages);
    spin_unlock(&d->arch.paging.lock);

    return rc;
}

void shadow_teardown(struct domain *d)
{
    spin_lock(&d->arch.paging.lock);
    d->arch.paging.shadow.total_pages = 0;
    d->arch.paging.shadow.free_pages = 0;
    d->arch.paging.shadow.oos_active = false;
    spin_unlock(&d->arch.paging.lock);
}
