#ifndef __XEN_KCONFIG_H
#define __XEN_KCONFIG_H

#include <generated/autoconf.h>

/* 1 where the option is y, 0 where it is not set; for C conditions. */
#define IS_ENABLED(option)         is_enabled_value(option)
#define is_enabled_value(value)    is_enabled_pick(is_enabled_##value)
#define is_enabled_1               0,
#define is_enabled_pick(maybe)     is_enabled_second(maybe 1, 0)
#define is_enabled_second(a, b, ...) b

#endif /* __XEN_KCONFIG_H */
