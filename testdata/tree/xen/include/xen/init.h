#ifndef _LINUX_INIT_H
#define _LINUX_INIT_H

#include <xen/cache.h>

/* Code and data below live in memory that is freed after boot. */
#define __init           __section(".init.text")
#define __initdata       __section(".init.data")
#define __initconst      __section(".init.rodata")
#define __initconstrel   __section(".init.rodata.rel")

typedef int (*initcall_t)(void);

#define __initcall(fn) \
    static initcall_t __used __section(".initcall1.init") initcall_##fn = fn
#define presmp_initcall(fn) \
    static initcall_t __used __section(".initcallpresmp.init") initcall_##fn = fn

struct kernel_param {
    const char *name;
    void *var;
    unsigned int len;
};

#define boot_param(pname, pvar) \
    static const struct kernel_param __used __section(".init.setup") \
        setup_##pvar = { pname, &(pvar), sizeof(pvar) }
#define boolean_param(pname, pvar) boot_param(pname, pvar)
#define integer_param(pname, pvar) boot_param(pname, pvar)

#endif /* _LINUX_INIT_H */
