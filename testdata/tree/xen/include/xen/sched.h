#ifndef __SCHED_H__
#define __SCHED_H__

#include <xen/lib.h>
#include <xen/percpu.h>
#include <xen/spinlock.h>
#include <public/xen.h>
#include <asm/domain.h>

struct grant_table;

struct evtchn {
    uint8_t state;
    uint8_t priority;
    uint16_t notify_vcpu_id;
    uint32_t remote_port;
    struct domain *remote;
};

struct vcpu {
    unsigned int vcpu_id;
    unsigned int processor;
    struct domain *domain;
    bool is_running;
    bool pause_request;
    uint64_t runstate_entry;
    struct arch_vcpu arch;
};

struct domain {
    domid_t domain_id;
    bool is_dying;
    bool is_privileged;
    spinlock_t event_lock;
    unsigned int max_vcpus;
    struct vcpu **vcpu;

    unsigned int valid_evtchns;
    unsigned int max_evtchn_port;
    struct evtchn *evtchn;

    struct grant_table *grant_table;

    unsigned int tot_pages;
    unsigned int max_pages;

    struct domain *next_in_list;
    struct arch_domain arch;
};

extern struct domain *domain_list;

struct domain *domain_create(domid_t domid, unsigned int max_vcpus);
void domain_destroy(struct domain *d);
int domain_adjust_pages(struct domain *d, int pages);
struct domain *get_domain_by_id(domid_t domid);
void __domain_crash(struct domain *d);

/* Names its place, so that a log tells which check failed. */
#define domain_crash(d) do {                                        \
    printk(XENLOG_G_ERR "domain_crash called from %s:%d\n",         \
           __FILE__, __LINE__);                                     \
    __domain_crash(d);                                              \
} while ( 0 )

#define for_each_domain(d) \
    for ( (d) = domain_list; (d) != NULL; (d) = (d)->next_in_list )

static inline bool is_hardware_domain(const struct domain *d)
{
    return d->domain_id == 0;
}

void vcpu_wake(struct vcpu *v);
void vcpu_sleep(struct vcpu *v);

#endif /* __SCHED_H__ */
