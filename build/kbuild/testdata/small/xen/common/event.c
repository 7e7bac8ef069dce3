#include <xen/sched.h>

int event_send(struct domain *d, int port)
{
    if ( d->first.port != port )
        return -1;

    if ( event_pending(&d->first) )
        return 1;

    d->first.state = 2;

    return 0;
}

#ifdef CONFIG_TRACE
int event_trace(struct domain *d)
{
    return d->first.state;
}
#endif
