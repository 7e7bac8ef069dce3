#ifndef __ASM_DOMAIN_H__
#define __ASM_DOMAIN_H__

#include <xen/spinlock.h>

struct shadow_domain {
    unsigned int total_pages;
    unsigned int free_pages;
    bool oos_active;
};

struct paging_domain {
    spinlock_t lock;
#ifdef CONFIG_SHADOW_PAGING
    struct shadow_domain shadow;
#endif
    unsigned long log_dirty_count;
};

struct arch_domain {
    struct paging_domain paging;
    bool is_32bit_pv;
    unsigned int physaddr_bitsize;
};

struct arch_vcpu {
    unsigned long cr3;
    unsigned long flags;
    uint64_t xcr0;
};

#endif /* __ASM_DOMAIN_H__ */
