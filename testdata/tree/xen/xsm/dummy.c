/*
 * The policy that allows what the hypervisor allows.
 */
#include <xen/errno.h>
#include <xen/sched.h>

int xsm_domain_control(const struct domain *caller, const struct domain *d)
{
    if ( caller == d || caller->is_privileged )
        return 0;

    return -EPERM;
}
