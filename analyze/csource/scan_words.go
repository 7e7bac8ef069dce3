package csource

import "strings"

// A role is what a word does in a declaration.
type role uint8

const (
	plainWord   role = iota
	typeWord         // int, unsigned ...
	tagWord          // struct, union, enum: a tag follows
	qualifier        // const, volatile ...
	storage          // static, extern ...
	attribute        // alone: __init, cf_check ...
	attributeOf      // with arguments: __section(".x")
	typeOf           // typeof (x), XEN_GUEST_HANDLE(x): with arguments, a type
)

var roles = func() map[string]role {
	words := map[string]role{}
	for r, list := range map[role]string{
		typeWord: "void char short int long float double signed unsigned _Bool bool __signed__ __signed _Complex",
		tagWord:  "struct union enum",
		qualifier: "const volatile restrict __const __const__ __volatile__ __volatile __restrict __restrict__" +
			" __extension__ __user __iomem",
		storage: "static extern typedef register auto inline __inline __inline__ STATIC ERR_STATIC" +
			" MEM_STATIC ZSTD_STATIC XZ_EXTERN FORCE_INLINE FORCE_NOINLINE",
		attribute: "__init __exit __cold __hot __initdata __initconst __initconstrel __exitdata __initsetup" +
			" __initdata_cf_clobber __initconst_cf_clobber __hwdom_init __hwdom_initdata __cpuinit __cpuinitdata" +
			" __devinit __devinitdata __read_mostly __ro_after_init __cacheline_aligned __packed __weak __used" +
			" __maybe_unused __unused __must_check __pure __attribute_pure__ __attribute_const__ __transparent__" +
			" __kparam __setup_str __exit_call __paramhypfs __paramfs __page_aligned_bss __page_aligned_data" +
			" __vfp_aligned __alt_call_maybe_initdata init_or_livepatch init_or_livepatch_const init_or_livepatch_constrel" +
			" init_or_livepatch_data init_or_livepatch_read_mostly __constructor__ __stdcall asmlinkage cf_check always_inline noinline gnu_inline" +
			" noreturn fastcall nocall EFIAPI ACPI_SYSTEM_XFACE ACPI_INTERNAL_VAR_XFACE ACPI_INTERNAL_XFACE" +
			" ACPI_EXTERNAL_XFACE INIT INITDATA FORCE_INLINE_ATTR ZSTDLIB_API XXH_API" +
			" XEN_DEFERRED noinline_due_to_stack unlikely_section _Noreturn _Thread_local",
		attributeOf: "__attribute__ __attribute __aligned __aligned__ __section __text_section __used_section" +
			" __nonnull __printf __scanf __alloc_size __init_call __param _Alignas __declspec __counted_by" +
			" ACPI_PRINTF_LIKE PRINTF_ATTRIBUTE __access __malloc_like",
		typeOf: "typeof __typeof__ __typeof XEN_GUEST_HANDLE XEN_GUEST_HANDLE_PARAM XEN_GUEST_HANDLE_64" +
			" COMPAT_HANDLE COMPAT_HANDLE_PARAM __guest_handle_param _Atomic",
	} {
		for w := range strings.FieldsSeq(list) {
			words[w] = r
		}
	}
	return words
}()

// roleOf is the role of a word by its name alone.
func roleOf(w string) role {
	// Only words of these shapes are in the table, most words are not.
	switch c := w[0]; {
	case len(w) < 3:
		return plainWord
	case c == '_' || c >= 'A' && c <= 'Z':
		return roles[w]
	case strings.IndexByte("abcdefgilnrstuv", c) < 0 || len(w) > 13 && c != 'i':
		return plainWord
	}
	return roles[w]
}

// sections names the sections that marker words put things in.
var sections = map[string]string{
	"__init":                 ".init.text",
	"__hwdom_init":           ".init.text",
	"__cpuinit":              ".init.text",
	"__devinit":              ".init.text",
	"INIT":                   ".init.text",
	"__exit":                 ".exit.text",
	"__cold":                 ".text.cold",
	"__initdata":             ".init.data",
	"__hwdom_initdata":       ".init.data",
	"__cpuinitdata":          ".init.data",
	"__devinitdata":          ".init.data",
	"INITDATA":               ".init.data",
	"__initconst":            ".init.rodata",
	"__setup_str":            ".init.rodata",
	"__initconstrel":         ".init.rodata.rel",
	"__initdata_cf_clobber":  ".init.data.cf_clobber",
	"__initconst_cf_clobber": ".init.rodata.cf_clobber",
	"__initsetup":            ".init.setup",
	"__kparam":               ".init.setup",
	"__exitdata":             ".exit.data",
	"__exit_call":            ".exitcall.exit",
	"__read_mostly":          ".data.read_mostly",
	"__ro_after_init":        ".data.ro_after_init",
	"__paramhypfs":           ".data.paramhypfs",
	"__paramfs":              ".data.paramhypfs",
	// With CONFIG_LIVEPATCH; without it these are freed after boot.
	"__alt_call_maybe_initdata":     ".data.ro_after_init",
	"init_or_livepatch_read_mostly": ".data.read_mostly",
}

// A definer is a macro that stands for the definition of a variable.
type definer struct {
	typ     string // the variable's type; empty: the argument before the name
	name    int    // which argument names it
	section string
	perCPU  bool
	static  bool
	of      bool // the thing it names is defined elsewhere; this registers it
}

const (
	readMostly = ".data.read_mostly"
	setup      = ".init.setup"
)

// definers are Xen's: include/xen/{percpu,param,init,spinlock,list,rcupdate}.h,
// asm/{livepatch,device}.h and the registries of single subsystems.
var definers = map[string]definer{
	"DEFINE_PER_CPU":                {name: 1, section: ".bss.percpu", perCPU: true},
	"DEFINE_PER_CPU_PAGE_ALIGNED":   {name: 1, section: ".bss.percpu.page_aligned", perCPU: true},
	"DEFINE_PER_CPU_READ_MOSTLY":    {name: 1, section: ".bss.percpu.read_mostly", perCPU: true},
	"DEFINE_SPINLOCK":               {typ: "spinlock_t"},
	"DEFINE_RSPINLOCK":              {typ: "rspinlock_t"},
	"DEFINE_RWLOCK":                 {typ: "rwlock_t"},
	"DEFINE_PERCPU_RWLOCK_GLOBAL":   {typ: "struct percpu_rwlock *", perCPU: true, section: ".bss.percpu"},
	"DEFINE_PERCPU_RWLOCK_RESOURCE": {typ: "percpu_rwlock_t"},
	"DEFINE_RCU_READ_LOCK":          {typ: "rcu_read_lock_t"},
	"DEFINE_BITMAP":                 {typ: "unsigned long []"},
	"DECLARE_BITMAP":                {typ: "unsigned long []"},
	"DECLARE_SOFTIRQ_TASKLET":       {typ: "struct tasklet"},
	"DECLARE_TASKLET":               {typ: "struct tasklet"},
	"LIST_HEAD":                     {typ: "struct list_head"},
	"LIST_HEAD_READ_MOSTLY":         {typ: "struct list_head", section: readMostly},
	"HLIST_HEAD":                    {typ: "struct hlist_head"},
	"RADIX_TREE":                    {typ: "struct radix_tree_root"},
	"PAGE_LIST_HEAD":                {typ: "struct page_list_head"},
	"DEFINE_BOOT_PAGE_TABLE":        {typ: "lpae_t []"},
	"DEFINE_PAGE_TABLE":             {typ: "lpae_t []"},
	"DEFINE_PAGE_TABLES":            {typ: "lpae_t []"},

	"custom_param":  {typ: "struct kernel_param", name: 1, section: setup, of: true},
	"boolean_param": {typ: "struct kernel_param", name: 1, section: setup, of: true},
	"integer_param": {typ: "struct kernel_param", name: 1, section: setup, of: true},
	"size_param":    {typ: "struct kernel_param", name: 1, section: setup, of: true},
	"string_param":  {typ: "struct kernel_param", name: 1, section: setup, of: true},
	"ignore_param":  {typ: "struct kernel_param", name: 0, section: setup, of: true},

	"custom_runtime_param":       {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"boolean_runtime_param":      {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"integer_runtime_param":      {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"size_runtime_param":         {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"string_runtime_param":       {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"custom_runtime_only_param":  {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"boolean_runtime_only_param": {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"integer_runtime_only_param": {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"size_runtime_only_param":    {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},
	"string_runtime_only_param":  {typ: "struct param_hypfs", name: 1, section: ".data.paramhypfs", of: true},

	"presmp_initcall": {typ: "initcall_t", section: ".initcallpresmp.init", of: true},
	"__initcall":      {typ: "initcall_t", section: ".initcall1.init", of: true},
	"__exitcall":      {typ: "exitcall_t", section: ".exitcall.exit", of: true},

	"REGISTER_SCHEDULER":        {typ: "const struct scheduler *", section: ".data.schedulers", of: true},
	"REGISTER_VPCI_INIT":        {typ: "vpci_register_init_t *", section: ".data.vpci", of: true},
	"HVM_REGISTER_SAVE_RESTORE": {typ: "initcall_t", section: ".initcall1.init", of: true},
	"LIVEPATCH_LOAD_HOOK":       {typ: "livepatch_loadcall_t *", section: ".livepatch.hooks.load", of: true},
	"LIVEPATCH_UNLOAD_HOOK":     {typ: "livepatch_unloadcall_t *", section: ".livepatch.hooks.unload", of: true},
	"LIVEPATCH_PREAPPLY_HOOK":   {typ: "livepatch_precall_t *", section: ".livepatch.hooks.preapply", of: true},
	"LIVEPATCH_APPLY_HOOK":      {typ: "livepatch_actioncall_t *", section: ".livepatch.hooks.apply", of: true},
	"LIVEPATCH_POSTAPPLY_HOOK":  {typ: "livepatch_postcall_t *", section: ".livepatch.hooks.postapply", of: true},
	"LIVEPATCH_PREREVERT_HOOK":  {typ: "livepatch_precall_t *", section: ".livepatch.hooks.prerevert", of: true},
	"LIVEPATCH_REVERT_HOOK":     {typ: "livepatch_actioncall_t *", section: ".livepatch.hooks.revert", of: true},
	"LIVEPATCH_POSTREVERT_HOOK": {typ: "livepatch_postcall_t *", section: ".livepatch.hooks.postrevert", of: true},
	"DT_DEVICE_START":           {typ: "const struct device_desc", section: ".dev.info"},
	"ACPI_DEVICE_START":         {typ: "const struct acpi_device_desc", section: ".adev.info"},
	"PLATFORM_START":            {typ: "const struct platform_desc", section: ".arch.info"},
}
