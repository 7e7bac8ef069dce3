/*
 * The memory that the firmware reports. Runs once, at boot.
 */
#include <xen/init.h>
#include <xen/lib.h>
#include <xen/mm.h>

#define MAX_REGIONS 32
#define REGION_RAM  1

static struct memory_region __initdata regions[MAX_REGIONS];
static unsigned int __initdata nr_regions;

static bool __init overlaps(const struct memory_region *a,
                            const struct memory_region *b)
{
    return a->start < b->end && b->start < a->end;
}

static void __init add_region(paddr_t start, paddr_t end, unsigned int type)
{
    if ( nr_regions == MAX_REGIONS )
        return;

    regions[nr_regions].start = start;
    regions[nr_regions].end = end;
    regions[nr_regions].type = type;
    nr_regions++;
}

void __init reserve_boot_regions(void)
{
    unsigned int i, j;

    add_region(0, 0x9f000, REGION_RAM);
    add_region(0x100000, 0x40000000, REGION_RAM);

    for ( i = 0; i < nr_regions; i++ )
        for ( j = i + 1; j < nr_regions; j++ )
            if ( overlaps(&regions[i], &regions[j]) )
                printk(XENLOG_WARNING "regions %u and %u overlap\n", i, j);
}
