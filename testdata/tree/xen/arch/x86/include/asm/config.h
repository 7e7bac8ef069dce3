#ifndef __X86_CONFIG_H__
#define __X86_CONFIG_H__

#define NR_CPUS 64

#define BITS_PER_LONG 64

#endif /* __X86_CONFIG_H__ */
