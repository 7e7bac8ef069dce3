/* Function definitions in the ways that hypervisor code writes them. */
#include <xen/init.h>
#include "private.h"
#include XEN_COMPUTED_HEADER

static int plain(int a, const char *b)
{
    return a + *b; /* } */
}

int __init cf_check boot_step(void)
{
    const char *s = "a { b"; char c = '{';
    return s[0] == c;
}

static always_inline bool quick(unsigned int x) { return x; }

static inline struct range *
next_range(struct range *r,
           unsigned int flags)
{
    return r + 1;
}

void noreturn noinline stop_here(void)
{
    for ( ; ; )
        ;
}

void *(memcpy)(void *to, const void *from, size_t n)
{
    return to;
}

int (*handler_of(unsigned int nr))(int)
{
    return handlers[nr];
}

void __section(".text.entry") enter(void) { }
int __attribute__((section(".text.low"), noinline)) low(void) { return 0; }

static XEN_GUEST_HANDLE(void) first_handle(XEN_GUEST_HANDLE(void) h)
{
    return h;
}

extern inline __attribute__((gnu_inline)) int only_inline(int x)
{
    return x;
}

/* One body, two heads. */
#ifdef CONFIG_WIDE
static int width(long a)
#else
static int width(int a)
#endif
{
    return sizeof(a);
}

static int split(int a)
{
#ifdef CONFIG_FAST
    if ( a > 1 ) {
#else
    if ( a > 2 ) {
#endif
        a++;
    }
#if A
    while ( a ) {
        a--;
    }
#elif B
    switch ( a ) {
    case 1 ... 4:
        break;
    }
#endif
    return a;
}

#ifdef CONFIG_X
static int twice(void)
{
    return 1;
}
#else
static int twice(void) { return 2; }
#endif

#if 0
static int never(void)
{
    it's not C
}
#endif

static unsigned int counters(void)
{
    static unsigned int count = 1, other;
    static const char names[][4] = { "a", "b" };
    static DEFINE_PER_CPU(struct timer, tick);
    static DEFINE_SPINLOCK(lock);
    static int __read_mostly (*fn)(int);
    /* static int comment; */
    const char *text = "static int string;";
#define LOCAL_LIMIT 3
    int nonstatic = LOCAL_LIMIT;

    for ( ; ; )
    {
        static bool once;

        once = true;
    }

    return count++;
}

#define MAKE(name, type)                \
static inline type get_##name(void)     \
{                                       \
    return (type)name;                  \
}
MAKE(first, int)
MAKE(second, struct range *)

#define DO(fn) long do_##fn
DO(sched_op)(int cmd, XEN_GUEST_HANDLE_PARAM(void) arg)
{
    return cmd;
}

EXPORT_SYMBOL(plain)
int after_export(void)
{
    return 0;
}

extern "C" {
int linked(void) { return 1; }
}
