/*
 * From the boot loader to the first domain.
 */
#include <xen/init.h>
#include <xen/mm.h>
#include <xen/sched.h>
#include <asm/processor.h>

struct cpuinfo_x86 __read_mostly boot_cpu_data;

unsigned long __read_mostly __per_cpu_offset[NR_CPUS];

static void __init setup_cpu_offsets(void)
{
    unsigned int cpu;

    for ( cpu = 0; cpu < NR_CPUS; cpu++ )
        __per_cpu_offset[cpu] = cpu * PAGE_SIZE;
}

void __init noreturn __start_xen(unsigned long mbi)
{
    if ( !mbi )
        panic("no boot information\n");

    setup_cpu_offsets();
    identify_cpu(&boot_cpu_data);
    reserve_boot_regions();

    if ( !domain_create(0, 1) )
        panic("no first domain\n");

    for ( ; ; )
        barrier();
}
