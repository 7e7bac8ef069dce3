#ifndef __XEN_PUBLIC_XEN_H__
#define __XEN_PUBLIC_XEN_H__

#define DOMID_FIRST_RESERVED 0x7ff0
#define DOMID_SELF           0x7ff0

#define EVTCHNOP_send  4
#define EVTCHNOP_reset 10

#define GNTTABOP_map_grant_ref 0
#define GNTTABOP_copy          5

struct gnttab_copy {
    unsigned int source_ref;
    unsigned int dest_ref;
    unsigned short source_offset;
    unsigned short len;
    short status;
};

#endif /* __XEN_PUBLIC_XEN_H__ */
