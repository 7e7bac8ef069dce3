#include <xen/sched.h>

struct domain *domain_list;

/* Entries of special sections, whose sizes livepatch-build-tools measures. */
struct alt_instr { unsigned char raw[14]; } *domain_alternatives;
struct bug_frame { unsigned char raw[8]; } *domain_bugs;
struct exception_table_entry { unsigned char raw[8]; } *domain_exceptions;

struct domain *domain_find(int id)
{
    struct domain *d;

    for ( d = domain_list; d; d = d->next )
        if ( d->id == id )
            return d;

    return 0;
}

int domain_version(void)
{
    return XEN_MAJOR * 100 + XEN_MINOR;
}
