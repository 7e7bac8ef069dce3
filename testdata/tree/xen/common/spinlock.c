/*
 * Ticket locks.
 */
#include <xen/lib.h>
#include <xen/spinlock.h>

void spin_lock(spinlock_t *lock)
{
    uint16_t ticket = __sync_fetch_and_add(&lock->tail, 1);

    while ( *(volatile uint16_t *)&lock->head != ticket )
        barrier();
}

void spin_unlock(spinlock_t *lock)
{
    __sync_fetch_and_add(&lock->head, 1);
}

bool spin_trylock(spinlock_t *lock)
{
    uint16_t head = lock->head;

    return __sync_bool_compare_and_swap(&lock->tail, head, head + 1);
}
