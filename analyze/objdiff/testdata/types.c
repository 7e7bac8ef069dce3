/* Types: what moved, what is new, what only looks different. */
typedef unsigned char u8;
typedef unsigned char byte;
struct inner { int a; };
#ifdef NEW
enum state { OFF, STANDBY, ON };
typedef long handle_t;
struct fresh { int x; };
struct live {
    u8 first;
    int lock;
    struct { int x, y, z; } pos;
    union { int u; struct { short lo, hi; }; };
    unsigned int one:1, two:3, three:2;
    int (*op)(struct inner *, int);
    struct inner in;
    int array[4];
};
int proto(struct live *l, int flags, struct fresh *f);
#else
enum state { OFF, ON };
typedef int handle_t;
struct stale { int x; };
struct live {
    byte first;
    struct { int x, z; } pos;
    union { int u; struct { short lo, hi; }; };
    unsigned int one:1, two:2, three:2;
    int (*op)(struct inner *);
    struct inner in;
    int array[3];
    struct stale *gone;
};
int proto(struct live *l, int flags);
#endif
enum state now;
handle_t handle;
struct live *live;
int use(int x)
{
#ifdef NEW
    return proto(live, x, 0) + live->in.a;
#else
    return proto(live, x) + live->in.a;
#endif
}
