/*
 * Where live patches are loaded and applied.
 */
#include <xen/errno.h>
#include <xen/lib.h>
#include <xen/spinlock.h>

struct payload {
    const char *name;
    unsigned int nfuncs;
    bool applied;
};

static DEFINE_SPINLOCK(payload_lock);

int apply_payload(struct payload *data)
{
    int rc = -EBUSY;

    spin_lock(&payload_lock);
    if ( !data->applied )
    {
        data->applied = true;
        rc = 0;
    }
    spin_unlock(&payload_lock);

    return rc;
}

/* Entries of special sections, whose sizes livepatch-build-tools measures. */
struct alt_instr
{
    unsigned int orig_offset, repl_offset;
    unsigned short cpuid, sizes, priv;
} __attribute__((packed));

struct bug_frame
{
    int loc_disp, ptr_disp;
};

struct exception_table_entry
{
    int addr, cont;
};

const struct alt_instr *livepatch_alternatives;
const struct bug_frame *livepatch_bugs;
const struct exception_table_entry *livepatch_exceptions;
