/*
 * The x86 part of a virtual CPU's life.
 */
#include <xen/errno.h>
#include <xen/sched.h>
#include <asm/processor.h>

#define XCR0_X87 (1UL << 0)
#define XCR0_SSE (1UL << 1)

static uint64_t xcr0_allowed = XCR0_X87 | XCR0_SSE;

static bool valid_xcr0(uint64_t value)
{
    return (value & XCR0_X87) && !(value & ~xcr0_allowed);
}

int arch_set_xcr0(struct vcpu *v, uint64_t value)
{
    if ( !valid_xcr0(value) )
        return -EINVAL;

    v->arch.xcr0 = value;

    return 0;
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    ASSERT(prev != next);

    prev->is_running = false;
    next->runstate_entry = rdtsc();
    next->is_running = true;

    if ( next->domain->is_dying )
        domain_crash(next->domain);
}
