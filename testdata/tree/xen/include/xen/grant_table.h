#ifndef __XEN_GRANT_TABLE_H__
#define __XEN_GRANT_TABLE_H__

#include <xen/sched.h>

int grant_table_init(struct domain *d);
void grant_table_destroy(struct domain *d);
long do_grant_table_op(unsigned int cmd, void *uop, unsigned int count);

#endif /* __XEN_GRANT_TABLE_H__ */
