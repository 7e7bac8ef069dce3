#ifndef __XEN_MM_H__
#define __XEN_MM_H__

#include <xen/types.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE  (1UL << PAGE_SHIFT)

struct domain;

void *xzalloc_bytes(size_t size);
void xfree(void *p);

#define xzalloc(type)          ((type *)xzalloc_bytes(sizeof(type)))
#define xzalloc_array(type, n) ((type *)xzalloc_bytes(sizeof(type) * (n)))

struct memory_region {
    paddr_t start, end;
    unsigned int type;
};

void reserve_boot_regions(void);
int guest_physmap_add_page(struct domain *d, unsigned long gfn,
                           unsigned long mfn);

#endif /* __XEN_MM_H__ */
