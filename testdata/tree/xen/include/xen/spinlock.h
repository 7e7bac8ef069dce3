#ifndef __SPINLOCK_H__
#define __SPINLOCK_H__

#include <xen/types.h>

typedef struct spinlock {
    uint16_t head, tail;
    uint16_t owner;
} spinlock_t;

#define SPIN_LOCK_UNLOCKED { 0, 0, 0xffff }
#define DEFINE_SPINLOCK(l) spinlock_t l = SPIN_LOCK_UNLOCKED

static inline void spin_lock_init(spinlock_t *lock)
{
    *lock = (spinlock_t)SPIN_LOCK_UNLOCKED;
}

void spin_lock(spinlock_t *lock);
void spin_unlock(spinlock_t *lock);
bool spin_trylock(spinlock_t *lock);

#endif /* __SPINLOCK_H__ */
