/*
 * Requests of the control domain.
 */
#include <xen/errno.h>
#include <xen/sched.h>

#define SYSCTL_domain_count 1
#define SYSCTL_crash        2

static DEFINE_SPINLOCK(sysctl_lock);

static unsigned int count_domains(void)
{
    struct domain *d;
    unsigned int n = 0;

    for_each_domain ( d )
        n++;

    return n;
}

long do_sysctl(unsigned int cmd, domid_t domid)
{
    struct domain *d;
    long rc;

    spin_lock(&sysctl_lock);

    switch ( cmd )
    {
    case SYSCTL_domain_count:
        rc = count_domains();
        break;

    case SYSCTL_crash:
        d = get_domain_by_id(domid);
        rc = d ? 0 : -ESRCH;
        if ( d )
            domain_crash(d);
        break;

    default:
        rc = -ENOSYS;
        break;
    }

    spin_unlock(&sysctl_lock);

    return rc;
}
