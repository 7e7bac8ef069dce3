#ifndef __X86_PERCPU_H__
#define __X86_PERCPU_H__

extern unsigned long __per_cpu_offset[NR_CPUS];

unsigned int smp_processor_id(void);

#define percpu_ptr(ptr, cpu) \
    ((__typeof__(ptr))((unsigned long)(ptr) + __per_cpu_offset[cpu]))

#endif /* __X86_PERCPU_H__ */
