#include <xen/sched.h>

#define DEFINE(name, value) \
    asm volatile ( "\n.ascii\"==>#define " #name " %0 /* " #value " */<==\"" :: "i" (value) )

void __dummy__(void)
{
    DEFINE(DOMAIN_next, __builtin_offsetof(struct domain, next));
}
