#ifndef __LIB_H__
#define __LIB_H__

#include <xen/types.h>

#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))
#define min(a, b)     ((a) < (b) ? (a) : (b))
#define max(a, b)     ((a) > (b) ? (a) : (b))

#define container_of(ptr, type, member) \
    ((type *)((char *)(ptr) - offsetof(type, member)))

void printk(const char *fmt, ...) __attribute__((__format__(printf, 1, 2)));
void noreturn panic(const char *fmt, ...);
void noreturn bug_at(const char *file, unsigned int line);
void *memset(void *s, int c, size_t n);
void *memcpy(void *d, const void *s, size_t n);

#define BUG()      bug_at(__FILE__, __LINE__)
#define BUG_ON(p)  do { if ( unlikely(p) ) BUG(); } while ( 0 )

#ifdef CONFIG_DEBUG
#define ASSERT(p)  do { if ( unlikely(!(p)) ) BUG(); } while ( 0 )
#define gdprintk(level, fmt, args...) \
    printk(level "%s:%d: " fmt, __FILE__, __LINE__, ## args)
#else
#define ASSERT(p)  do { if ( 0 && (p) ) {} } while ( 0 )
#define gdprintk(level, fmt, args...) \
    do { if ( 0 ) printk(level fmt, ## args); } while ( 0 )
#endif

unsigned int hweight64(uint64_t bits);

#endif /* __LIB_H__ */
