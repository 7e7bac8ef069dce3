/*
 * Grant tables: pages that a domain lends to another.
 */
#include <xen/errno.h>
#include <xen/grant_table.h>
#include <xen/mm.h>

struct active_grant_entry {
    uint32_t pin;
    domid_t domid;
    unsigned long mfn;
};

struct grant_table {
    spinlock_t lock;
    unsigned int nr_entries;
    struct active_grant_entry *active;
};

#define INITIAL_ENTRIES 256

int grant_table_init(struct domain *d)
{
    struct grant_table *gt = xzalloc(struct grant_table);

    if ( !gt )
        return -ENOMEM;

    spin_lock_init(&gt->lock);
    gt->nr_entries = INITIAL_ENTRIES;
    gt->active = xzalloc_array(struct active_grant_entry, gt->nr_entries);
    d->grant_table = gt;

    return gt->active ? 0 : -ENOMEM;
}

void grant_table_destroy(struct domain *d)
{
    if ( !d->grant_table )
        return;

    xfree(d->grant_table->active);
    xfree(d->grant_table);
    d->grant_table = NULL;
}

static struct active_grant_entry *active_entry(struct grant_table *gt,
                                               unsigned int ref)
{
    if ( ref >= gt->nr_entries )
        return NULL;

    return &gt->active[ref];
}

static int gnttab_copy_one(struct domain *d, const struct gnttab_copy *op)
{
    struct active_grant_entry *src, *dst;

    src = active_entry(d->grant_table, op->source_ref);
    dst = active_entry(d->grant_table, op->dest_ref);
    if ( !src || !dst )
        return -ENOENT;

    if ( op->len > PAGE_SIZE )
        return -EINVAL;

    memcpy((void *)(dst->mfn << PAGE_SHIFT),
           (char *)(src->mfn << PAGE_SHIFT) + op->source_offset, op->len);

    return 0;
}

static long gnttab_copy(struct domain *d, struct gnttab_copy *ops,
                        unsigned int count)
{
    unsigned int i;
    long failed = 0;

    spin_lock(&d->grant_table->lock);
    for ( i = 0; i < count; i++ )
    {
        ops[i].status = gnttab_copy_one(d, &ops[i]);
        failed += ops[i].status != 0;
    }
    spin_unlock(&d->grant_table->lock);

    return failed;
}

static int gnttab_map(struct domain *d, unsigned int ref)
{
    struct grant_table *gt = d->grant_table;
    struct active_grant_entry *act;
    int rc = 0;

    spin_lock(&gt->lock);

    act = active_entry(gt, ref);
    if ( !act )
        rc = -ENOENT;
    else
        act->pin++;

    spin_unlock(&gt->lock);

    return rc;
}

long do_grant_table_op(unsigned int cmd, void *uop, unsigned int count)
{
    struct domain *d = get_domain_by_id(DOMID_SELF);

    if ( !d )
        return -ESRCH;

    switch ( cmd )
    {
    case GNTTABOP_map_grant_ref:
        return gnttab_map(d, *(unsigned int *)uop);

    case GNTTABOP_copy:
        return gnttab_copy(d, uop, count);

    default:
        return -ENOSYS;
    }
}
