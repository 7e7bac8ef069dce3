#ifndef __LINUX_COMPILER_H
#define __LINUX_COMPILER_H

#define inline        __inline__
#define always_inline __inline__ __attribute__((__always_inline__))
#define noinline      __attribute__((__noinline__))
#define noreturn      __attribute__((__noreturn__))
#define cf_check

#define __section(s)  __attribute__((__section__(s)))
#define __used        __attribute__((__used__))
#define __packed      __attribute__((__packed__))
#define __aligned(a)  __attribute__((__aligned__(a)))
#define __must_check  __attribute__((__warn_unused_result__))

#define likely(x)     __builtin_expect(!!(x), 1)
#define unlikely(x)   __builtin_expect(!!(x), 0)
#define barrier()     __asm__ __volatile__ ( "" : : : "memory" )

#endif /* __LINUX_COMPILER_H */
