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
