/*
 * Stands in where shadow paging is not built.
 */
#include <xen/errno.h>
#include <asm/shadow.h>

int shadow_enable(struct domain *d, unsigned int pages)
{
    return -ENOSYS;
}
