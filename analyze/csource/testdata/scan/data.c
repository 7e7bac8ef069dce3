/* Variables, and macros that define them. */
static int a = 1, *b, c[4] = { 1, 2, 3 };
extern const char __start_text[], __end_text[];
const struct ops my_ops = {
    .open = my_open,
    .close = my_close, /* both */
};
static unsigned int __read_mostly limit = 5;
bool __ro_after_init opt_flag = true;
static const char *const __initconstrel names[] = { "x", "y" };
static char __initdata buffer[80], plain_buffer[80];
u64 __section(".bss.page_aligned") __aligned(PAGE_SIZE) table[512];
static struct { int x; spinlock_t lock; } state = { .x = 1 };
static enum { OFF, ON } mode;
static int (*hook)(struct vcpu *v, unsigned int flags);
static void (*const vectors[4])(void) = { one, two };
volatile unsigned long jiffies;
int __bar;

DEFINE_PER_CPU(unsigned int, depth);
static DEFINE_PER_CPU_READ_MOSTLY(struct domain *, owner) = NULL;
DEFINE_PER_CPU(struct pending_eoi, pending_eoi[NR_VECTORS]);
static DEFINE_SPINLOCK(big_lock);
static LIST_HEAD(all_things);
static DEFINE_RCU_READ_LOCK(things_rcu_lock);

boolean_param("flag", opt_flag);
custom_param("limit", parse_limit);
integer_param("size", size);
ignore_param("old-option");
custom_runtime_param("run", parse_run, init_run);
presmp_initcall(early_setup);
__initcall(late_setup);
REGISTER_SCHEDULER(sched_null_def);

DT_DEVICE_START(uart, "UART", DEVICE_SERIAL)
    .dt_match = uart_match,
    .init = uart_init,
DT_DEVICE_END

CHECK_sched_op;
DEFINE_XEN_GUEST_HANDLE(sched_op_t);
PERFCOUNTER(hits, "hits")
PERFCOUNTER(misses, "misses")

asm ( ".globl thing\n"
      "thing: ret" );

static const unsigned int widths[] = {
#ifdef CONFIG_WIDE
    64,
#else
    32,
#endif
};

struct forward;
int proto(int x, char *y);
void __init early(void) __attribute__((noreturn));
typeof(limit) copy;
