/*
 * How much of the host a guest may ask for. Part of the toolstack.
 */
#include <stdint.h>

#define QUOTA_KIB (64u << 20)

int libxl_check_quota(uint32_t want_kib)
{
    return want_kib > QUOTA_KIB ? -1 : 0;
}
