#ifndef TYPES_H
#define TYPES_H

struct __packed header {
    uint32_t magic;   /* 'x' */
    uint8_t version:4, flags:4;
    char name[16];
};

struct device {
    struct list_head list;
    struct device *parent, *child;
    int (*probe)(struct device *dev, unsigned int nr);
    DECLARE_BITMAP(mask, 64);
    XEN_GUEST_HANDLE_64(uint8) buffer;
    union {
        uint64_t raw;
        struct {
            CPUID_BITFIELD_1;
            uint32_t :12;
            bool lm:1;
        };
        struct { uint16_t lo, hi; } __packed pair[2];
    };
    struct inner {
        int x;
#ifdef CONFIG_HVM
        int hvm_only;
#else
        int pv_only;
#endif
    } inner;
    enum { SMALL, LARGE = 7, HUGE = LARGE << 2 } size;
    spinlock_t lock;
} __cacheline_aligned;

union u { int i; float f; };

enum colour {
    RED = 1, /* the first */
    GREEN,
#ifdef CONFIG_BLUE
    BLUE,
#endif
    COLOUR(CYAN, 9) /* by macros */
    COLOUR(PINK, 10)
    MASK = (RED | GREEN),
};

typedef struct device device_t;
typedef struct { int counter; } atomic_t;
typedef struct pair { int a, b; } pair_t, *pair_p;
typedef void (*callback_t)(void *data, int flags);
typedef int (handler_t)(int);
typedef unsigned long table_t[512];
typedef XEN_GUEST_HANDLE(char) handle_t;

int proto(const struct device *dev,
          unsigned int flags);
static inline int sum(struct pair p) { return p.a + p.b; }
extern struct device devices[];

#endif /* TYPES_H */
