#ifndef __XEN_CONFIG_H__
#define __XEN_CONFIG_H__

#include <xen/kconfig.h>

#ifndef __ASSEMBLY__
#include <xen/compiler.h>
#endif

#include <asm/config.h>

#define XENLOG_ERR     "<0>"
#define XENLOG_WARNING "<1>"
#define XENLOG_INFO    "<2>"
#define XENLOG_G_ERR   "<G><0>"

#endif /* __XEN_CONFIG_H__ */
