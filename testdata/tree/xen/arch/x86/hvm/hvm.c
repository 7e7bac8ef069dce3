/*
 * Guests that run on the processor's own virtualisation.
 */
#include <xen/errno.h>
#include <xen/sched.h>

#define CR0_PE (1UL << 0)
#define CR0_PG (1UL << 31)

int hvm_set_cr0(struct vcpu *v, unsigned long value)
{
    if ( (value & CR0_PG) && !(value & CR0_PE) )
    {
        gdprintk(XENLOG_WARNING, "paging without protection: %lx\n", value);
        domain_crash(v->domain);
        return -EINVAL;
    }

    v->arch.flags = value;

    return 0;
}

int hvm_set_cr3(struct vcpu *v, unsigned long value)
{
    if ( value >> v->domain->arch.physaddr_bitsize )
    {
        domain_crash(v->domain);
        return -EINVAL;
    }

    v->arch.cr3 = value;

    return 0;
}
