#ifndef _XEN_SHADOW_H
#define _XEN_SHADOW_H

#include <xen/sched.h>

int shadow_enable(struct domain *d, unsigned int pages);
void shadow_teardown(struct domain *d);

#endif /* _XEN_SHADOW_H */
