/* Macros, conditions, and what is not C. */
#define EMPTY
#define ONE 1 /* a comment */
#define CALL()   ONE
#define MAX(a, b) ({ typeof(a) a_ = (a); \
                     a_ > (b) ? a_ : (b); })
#define LOG(fmt, ...)    printk(fmt, ## __VA_ARGS__)
#define LONG_COMMENT 2 /* goes
  on over the line */
#  define INDENTED(x...) x
#undef ONE

#ifdef CONFIG_A
#if B > 1
#define NESTED 1
#else
#define NESTED 2
#endif
#elif defined(CONFIG_C)
#define IN_ELIF 1
#endif

#ifdef __ASSEMBLY__
.macro save reg
    push \reg    # don't
.endm
#define ASM_ONLY 1
#else
int for_c(void);
#endif

.macro bare x
#ifdef CONFIG_A
    mov \x, %rax
#endif
.endm

#error "never"
