#include <xen/sched.h>

struct domain *domain_list;

struct domain *domain_find(int id)
{
    struct domain *d;

    for ( d = domain_list; d; d = d->next )
        if ( d->id == id )
            return d;

    return 0;
}

int domain_version(void)
{
    return XEN_MAJOR * 100 + XEN_MINOR;
}
