package csource

import (
	"path"
	"slices"
	"strings"
)

// A LifeKind says when a function can run.
type LifeKind uint8

const (
	Runtime  LifeKind = iota // at any time, or unknown
	Init                     // at boot: its code lies in an init section and is freed
	BootOnly                 // at boot: only init code uses it, but it stays in memory
	CPUUp                    // at boot, when a CPU comes up, and on resume from S3
)

func (k LifeKind) String() string {
	return [...]string{"runtime", "init", "boot only", "CPU bring-up"}[k]
}

// A Life is the verdict on one function. Path is a chain of users that leads to
// it, from the root that decided: init code, the bring-up of a CPU, or for
// Runtime the function or data from which it can be reached at any time.
// Members that hold function pointers stand in it as ".name". It is empty where
// nothing is known.
type Life struct {
	Kind LifeKind
	Path []string
}

// A Boot knows when the functions of a base can run.
type Boot struct {
	graph *callGraph
	kind  []LifeKind
	from  []int32 // the user that a node got its kind from, -1 for none
	root  []string
}

// bringUp are the functions with which a CPU begins to come up; all that is
// reached from nowhere else runs with them only.
//
//   - start_secondary, xen/arch/x86/smpboot.c and xen/arch/arm/smpboot.c: the C
//     entry of every CPU but the first, from arch/x86/boot/x86_64.S and
//     arch/arm/arm*/head.S
//   - cpu_up, xen/common/cpu.c: what the CPU that starts another one does
//   - enter_state, xen/arch/x86/acpi/power.c: the only way into S3, and what is
//     done again after it
//
// The hooks of struct cpu_dev (xen/arch/x86/cpu/cpu.h: c_early_init, c_init)
// need no mention: identify_cpu is the only reader of these members.
var bringUp = []funcKey{
	{"xen/arch/x86/smpboot.c", "start_secondary"},
	{"xen/arch/arm/smpboot.c", "start_secondary"},
	{"xen/common/cpu.c", "cpu_up"},
	{"xen/arch/x86/acpi/power.c", "enter_state"},
}

// Lifetimes finds out when the functions of the units can run.
//
// Code in init sections (xen/include/xen/init.h: __init; xen/Rules.mk: .init.o)
// runs at boot and is gone. Other functions run at boot only if nothing but
// such code calls them, and at bring-up only if nothing but the functions of
// bringUp, what they call, and boot code does. A function pointer assigned to a
// member by name in an initialiser is called by whoever reads a member of that
// name; a function whose address goes anywhere else, that assembly mentions, or
// that nothing seems to use, is Runtime. So is what any of those uses.
//
// __hwdom_init counts as __init: with CONFIG_LATE_HWDOM it runs once more, when
// the hardware domain is built.
func Lifetimes(ix *Index, units []Unit) *Boot {
	g := newCallGraph(ix, units)
	b := &Boot{graph: g, kind: make([]LifeKind, len(g.nodes)), from: make([]int32, len(g.nodes)), root: make([]string, len(g.nodes))}
	done := make([]bool, len(g.nodes))
	var runtime, up, boot []int32
	for _, key := range bringUp {
		if id, ok := g.byFunc[key]; ok {
			b.kind[id], done[id] = CPUUp, true
			up = append(up, id)
		}
	}
	for i := range g.nodes {
		n := &g.nodes[i]
		b.from[i] = -1
		switch {
		case n.init:
			b.kind[i], done[i] = Init, true
			boot = append(boot, int32(i))
		case done[i]:
		case n.taken != "":
			b.root[i], done[i] = n.taken, true
			runtime = append(runtime, int32(i))
		case !n.used:
			done[i] = true
			runtime = append(runtime, int32(i))
		}
	}
	b.spread(Runtime, runtime, done)
	for _, id := range up {
		b.spread(CPUUp, []int32{id}, done)
	}
	b.spread(BootOnly, boot, done)
	return b
}

// spread gives a kind to all that is used, directly or not, by the nodes of a
// list and has none yet. What is never reached stays Runtime.
func (b *Boot) spread(kind LifeKind, queue []int32, done []bool) {
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		for _, to := range b.graph.nodes[id].uses {
			if !done[to] {
				done[to] = true
				b.kind[to], b.from[to] = kind, id
				queue = append(queue, to)
			}
		}
	}
}

// Of gives the verdict on a function, by the file that defines it. A function
// that the units do not have is Runtime, without a path.
func (b *Boot) Of(file, fn string) Life {
	id, ok := b.graph.byFunc[funcKey{file, fn}]
	if !ok {
		return Life{}
	}
	life := Life{Kind: b.kind[id]}
	at := id
	for b.from[at] >= 0 {
		at = b.from[at]
		life.Path = append(life.Path, b.graph.nodes[at].name)
	}
	if root := b.root[at]; root != "" && root != b.graph.nodes[at].name {
		life.Path = append(life.Path, root)
	}
	slices.Reverse(life.Path)
	return life
}

// InitRefs lists the functions and variables in init sections that the code of
// a function refers to, itself or in a static function of its file that the
// compiler may inline into it; sorted. After boot their memory is freed: a
// payload that holds the function refers to something that is gone.
func (b *Boot) InitRefs(file, fn string) []string {
	id, ok := b.graph.byFunc[funcKey{file, fn}]
	if !ok {
		return nil
	}
	g := b.graph
	seen := map[int32]bool{id: true}
	var found []string
	for queue := []int32{id}; len(queue) > 0; queue = queue[1:] {
		for _, to := range g.nodes[queue[0]].uses {
			n := &g.nodes[to]
			switch {
			case seen[to]:
			case n.init:
				found = append(found, n.name)
			case n.file == "" && !strings.HasPrefix(n.name, "."), // a macro
				n.file != "" && !n.quiet && (n.local || path.Ext(n.file) == ".h"):
				queue = append(queue, to)
			}
			seen[to] = true
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}
