/*
 * What the entry code hands over.
 */
#include <xen/lib.h>
#include <xen/sched.h>
#include <asm/processor.h>

#define TRAP_invalid_op   6
#define TRAP_gp_fault    13
#define TRAP_page_fault  14

static const char *const trap_names[] = {
    [TRAP_invalid_op] = "invalid opcode",
    [TRAP_gp_fault] = "general protection",
    [TRAP_page_fault] = "page fault",
};

static const char *trap_name(unsigned int vector)
{
    if ( vector < ARRAY_SIZE(trap_names) && trap_names[vector] )
        return trap_names[vector];

    return "unknown trap";
}

void do_trap(struct cpu_user_regs *regs)
{
    panic("%s at %lx, error %x\n", trap_name(regs->entry_vector),
          regs->rip, regs->error_code);
}
