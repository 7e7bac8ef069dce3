/*
 * The console, and what ends on it.
 */
#include <xen/lib.h>

static char last_line[128];

void noreturn panic(const char *fmt, ...)
{
    memcpy(last_line, fmt, min(sizeof(last_line), sizeof("panic")));

    for ( ; ; )
        barrier();
}

void noreturn bug_at(const char *file, unsigned int line)
{
    panic("BUG at %s:%u\n", file, line);
}
