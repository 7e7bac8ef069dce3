/*
 * Creating, finding and destroying domains.
 */
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/grant_table.h>
#include <xen/init.h>
#include <xen/mm.h>
#include <xen/sched.h>

struct domain *domain_list;

static DEFINE_SPINLOCK(domlist_lock);

static unsigned int __read_mostly max_vcpus_limit = 128;
integer_param("max_vcpus", max_vcpus_limit);

static int alloc_vcpus(struct domain *d)
{
    unsigned int i;

    d->vcpu = xzalloc_array(struct vcpu *, d->max_vcpus);
    if ( !d->vcpu )
        return -ENOMEM;

    for ( i = 0; i < d->max_vcpus; i++ )
    {
        struct vcpu *v = xzalloc(struct vcpu);

        if ( !v )
            return -ENOMEM;

        v->vcpu_id = i;
        v->domain = d;
        d->vcpu[i] = v;
    }

    return 0;
}

struct domain *domain_create(domid_t domid, unsigned int max_vcpus)
{
    struct domain *d;

    if ( domid >= DOMID_FIRST_RESERVED || max_vcpus > max_vcpus_limit )
        return NULL;

    d = xzalloc(struct domain);
    if ( !d )
        return NULL;

    d->domain_id = domid;
    d->max_vcpus = max_vcpus;
    spin_lock_init(&d->event_lock);

    if ( alloc_vcpus(d) || evtchn_init(d) || grant_table_init(d) )
    {
        domain_destroy(d);
        return NULL;
    }

    spin_lock(&domlist_lock);
    d->next_in_list = domain_list;
    domain_list = d;
    spin_unlock(&domlist_lock);

    return d;
}

struct domain *get_domain_by_id(domid_t domid)
{
    struct domain *d;

    for_each_domain ( d )
        if ( d->domain_id == domid && !d->is_dying )
            return d;

    return NULL;
}

void __domain_crash(struct domain *d)
{
    d->is_dying = true;
    printk(XENLOG_ERR "domain %u crashed\n", d->domain_id);
}

static void free_vcpus(struct domain *d)
{
    unsigned int i;

    for ( i = 0; d->vcpu && i < d->max_vcpus; i++ )
    {
        if ( d->vcpu[i] && d->vcpu[i]->is_running )
            domain_crash(d);
        xfree(d->vcpu[i]);
    }

    xfree(d->vcpu);
}

int domain_adjust_pages(struct domain *d, int pages)
{
    if ( pages < 0 && d->tot_pages < (unsigned int)-pages )
    {
        domain_crash(d);
        return -EINVAL;
    }

    d->tot_pages += pages;

    return d->tot_pages > d->max_pages ? -ENOSPC : 0;
}

void domain_destroy(struct domain *d)
{
    d->is_dying = true;
    evtchn_destroy(d);
    grant_table_destroy(d);
    free_vcpus(d);
    xfree(d);
}
