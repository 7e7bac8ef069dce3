#ifndef __ARM_CONFIG_H__
#define __ARM_CONFIG_H__

#define NR_CPUS 32

#define BITS_PER_LONG 64

#endif /* __ARM_CONFIG_H__ */
