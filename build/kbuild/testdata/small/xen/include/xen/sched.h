#include <public/version.h>

struct evtchn {
    int port;
    int state;
};

struct domain {
    int id;
    struct evtchn first;
    struct domain *next;
};

extern struct domain *domain_list;

int event_send(struct domain *d, int port);
struct domain *domain_find(int id);

static inline int event_pending(const struct evtchn *chn)
{
    return chn->state > 1;
}
