#ifndef __XEN_EVENT_H__
#define __XEN_EVENT_H__

#include <xen/sched.h>

int evtchn_init(struct domain *d);
void evtchn_destroy(struct domain *d);
int evtchn_send(struct domain *d, unsigned int port);
long do_event_channel_op(int cmd, void *arg);

static inline bool port_is_valid(const struct domain *d, unsigned int port)
{
    return port < d->valid_evtchns;
}

#endif /* __XEN_EVENT_H__ */
