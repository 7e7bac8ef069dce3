#ifndef __TYPES_H__
#define __TYPES_H__

typedef unsigned char      uint8_t;
typedef unsigned short     uint16_t;
typedef unsigned int       uint32_t;
typedef unsigned long      uint64_t;
typedef signed int         int32_t;
typedef signed long        int64_t;
typedef unsigned long      size_t;
typedef signed long        ssize_t;
typedef unsigned long      paddr_t;
typedef uint16_t           domid_t;

typedef _Bool bool;
#define true  1
#define false 0

#define NULL ((void *)0)

#define offsetof(type, member) __builtin_offsetof(type, member)

#endif /* __TYPES_H__ */
