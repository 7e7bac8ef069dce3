/*
 * Event channels: ports by which domains wake each other.
 */
#include <xen/errno.h>
#include <xen/event.h>
#include <xen/mm.h>
#include <xen/percpu.h>

#define ECS_FREE        0
#define ECS_INTERDOMAIN 1
#define ECS_VIRQ        2

#define BUCKET_PORTS 64

/* Ports that a domain may own, by what it is. */
static const unsigned int port_limits[] = {
    [0] = 4096,
    [1] = 1024,
};

static DEFINE_PER_CPU(unsigned int, evtchn_sent);

static unsigned int port_limit(const struct domain *d)
{
    return port_limits[is_hardware_domain(d) ? 0 : 1];
}

static struct evtchn *evtchn_from_port(const struct domain *d,
                                       unsigned int port)
{
    return &d->evtchn[port];
}

int evtchn_init(struct domain *d)
{
    d->evtchn = xzalloc_array(struct evtchn, BUCKET_PORTS);
    if ( !d->evtchn )
        return -ENOMEM;

    d->valid_evtchns = BUCKET_PORTS;
    d->max_evtchn_port = port_limit(d);

    return 0;
}

void evtchn_destroy(struct domain *d)
{
    unsigned int port;

    spin_lock(&d->event_lock);
    for ( port = 0; d->evtchn && port_is_valid(d, port); port++ )
        evtchn_from_port(d, port)->state = ECS_FREE;
    spin_unlock(&d->event_lock);

    xfree(d->evtchn);
    d->evtchn = NULL;
    d->valid_evtchns = 0;
}

int evtchn_send(struct domain *d, unsigned int port)
{
    static unsigned int lost;
    struct evtchn *chn;
    int rc = 0;

    if ( !port_is_valid(d, port) )
        return -EINVAL;

    spin_lock(&d->event_lock);

    chn = evtchn_from_port(d, port);
    if ( chn->state == ECS_INTERDOMAIN && chn->remote )
    {
        this_cpu(evtchn_sent)++;
        vcpu_wake(chn->remote->vcpu[chn->notify_vcpu_id]);
    }
    else
    {
        lost++;
        rc = -EINVAL;
        if ( lost > 1000 )
            printk(XENLOG_WARNING "%u events lost\n", lost);
    }

    spin_unlock(&d->event_lock);

    return rc;
}

static int evtchn_reset(struct domain *d)
{
    unsigned int port;

    if ( d->is_dying )
        return -EBUSY;

    spin_lock(&d->event_lock);
    for ( port = 0; port_is_valid(d, port); port++ )
        evtchn_from_port(d, port)->state = ECS_FREE;
    spin_unlock(&d->event_lock);

    return 0;
}

long do_event_channel_op(int cmd, void *arg)
{
    struct domain *d = get_domain_by_id(DOMID_SELF);

    if ( !d )
        return -ESRCH;

    switch ( cmd )
    {
    case EVTCHNOP_send:
        return evtchn_send(d, *(unsigned int *)arg);

    case EVTCHNOP_reset:
        return evtchn_reset(d);

    default:
        return -ENOSYS;
    }
}
