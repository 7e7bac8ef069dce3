/*
 * Requests that create, change and destroy domains.
 */
#include <xen/errno.h>
#include <xen/mm.h>
#include <xen/sched.h>

#define DOMCTL_createdomain  1
#define DOMCTL_destroydomain 2
#define DOMCTL_add_page      3

long do_domctl(unsigned int cmd, domid_t domid, unsigned long arg)
{
    struct domain *d;

    if ( cmd == DOMCTL_createdomain )
        return domain_create(domid, arg) ? 0 : -ENOMEM;

    d = get_domain_by_id(domid);
    if ( !d )
        return -ESRCH;

    switch ( cmd )
    {
    case DOMCTL_destroydomain:
        domain_destroy(d);
        return 0;

    case DOMCTL_add_page:
        return domain_adjust_pages(d, 1) ?:
               guest_physmap_add_page(d, arg, arg);

    default:
        return -ENOSYS;
    }
}
