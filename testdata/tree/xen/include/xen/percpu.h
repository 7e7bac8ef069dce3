#ifndef __XEN_PERCPU_H__
#define __XEN_PERCPU_H__

#include <asm/percpu.h>

#define DEFINE_PER_CPU(type, name) \
    __section(".bss.percpu") __typeof__(type) per_cpu_##name
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) \
    __section(".bss.percpu.read_mostly") __typeof__(type) per_cpu_##name
#define DECLARE_PER_CPU(type, name) \
    extern __typeof__(type) per_cpu_##name

#define this_cpu(name)     per_cpu(name, smp_processor_id())
#define per_cpu(name, cpu) (*percpu_ptr(&per_cpu_##name, cpu))

#endif /* __XEN_PERCPU_H__ */
