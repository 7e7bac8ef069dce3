#ifndef __LINUX_CACHE_H
#define __LINUX_CACHE_H

#define __cacheline_aligned __attribute__((__aligned__(64)))
#define __read_mostly       __section(".data.read_mostly")
#define __ro_after_init     __section(".data.ro_after_init")

#endif /* __LINUX_CACHE_H */
