#ifndef __ASM_X86_PROCESSOR_H
#define __ASM_X86_PROCESSOR_H

#include <xen/types.h>

struct cpu_user_regs {
    uint64_t rip, rsp, rflags;
    uint64_t rax, rcx, rdx;
    uint32_t error_code, entry_vector;
};

struct cpuinfo_x86 {
    uint8_t vendor, family, model;
    uint32_t features[4];
};

extern struct cpuinfo_x86 boot_cpu_data;

void identify_cpu(struct cpuinfo_x86 *c);
void do_trap(struct cpu_user_regs *regs);

static always_inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    __asm__ __volatile__ ( "rdtsc" : "=a" (low), "=d" (high) );

    return ((uint64_t)high << 32) | low;
}

#endif /* __ASM_X86_PROCESSOR_H */
