/*
 * Waking, sleeping and choosing.
 */
#include <xen/sched.h>

static DEFINE_PER_CPU(struct vcpu *, curr_vcpu);

void vcpu_wake(struct vcpu *v)
{
    v->pause_request = false;
    v->is_running = true;
    per_cpu(curr_vcpu, v->processor) = v;
}

void vcpu_sleep(struct vcpu *v)
{
    v->pause_request = true;
    v->is_running = false;
    if ( this_cpu(curr_vcpu) == v )
        this_cpu(curr_vcpu) = NULL;
}
