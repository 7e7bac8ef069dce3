/*
 * Command line and start of the hypervisor.
 */
#include <xen/init.h>
#include <xen/lib.h>

static bool __initdata opt_verbose;
boolean_param("verbose", opt_verbose);

static unsigned int nr_initcalls;

static int __init do_presmp_initcalls(initcall_t *start, initcall_t *end)
{
    for ( ; start < end; start++ )
    {
        int rc = (*start)();

        if ( rc )
            return rc;
        nr_initcalls++;
    }

    return 0;
}

void __init do_initcalls(initcall_t *start, initcall_t *end)
{
    if ( do_presmp_initcalls(start, end) )
        panic("an initcall failed\n");
    if ( opt_verbose )
        printk(XENLOG_INFO "%u initcalls\n", nr_initcalls);
}
