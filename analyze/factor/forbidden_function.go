package factor

import (
	"strings"

	"lpready/analyze/csource"
)

var forbiddenFunction = Rule{
	ID:    "forbidden-function",
	Title: "Function that must not be replaced",
	Explanation: "The code that applies a payload runs while it is being patched; NMI and machine-check handlers can run in " +
		"the middle of it, on a half-written trampoline; the idle loop and functions that never return are being " +
		"executed by some CPU at that moment and never entered again, so the new code is never reached.",
	Remedy:   "Make the change in a function that these call, or in one that is entered anew each time.",
	Severity: Blocker,
	Class:    Hard,
	Check: func(in *Input) []Finding {
		var list []Finding
		done := make(map[string]bool)
		report := func(path, name string, line int, how string) {
			why := forbidden(path, name)
			if why == "" || done[path+":"+name] {
				return
			}
			done[path+":"+name] = true
			list = append(list, Finding{File: path, Line: line, Symbol: name, Message: name + "() " + how + ": it " + why})
		}
		in.funcs(func(c *change, f csource.FuncChange) {
			if f.Old != nil && f.New != nil {
				report(c.Path, f.Old.Name, f.Old.NameLine, "is edited")
			}
		})
		if in.Reach != nil {
			for _, r := range in.Reach.Functions {
				if r.Change == "edited" || r.Change == "affected" {
					report(r.File, r.Name, in.lineOf(r.File, r.Name), "is rebuilt into the payload")
				}
			}
		}
		return list
	},
}

func (in *Input) lineOf(path, name string) int {
	if in.Before == nil || in.Before.File(path) == nil {
		return 0
	}
	for _, f := range in.Before.File(path).Funcs {
		if f.Name == name {
			return f.NameLine
		}
	}
	return 0
}

// never lists functions by name (see xen/common/livepatch.c, arch/*/livepatch.c,
// arch/x86/traps.c, arch/x86/domain.c and the entry code that calls them).
var never = map[string]string{
	"idle_loop":                  "is never left while a CPU is up",
	"startup_cpu_idle_loop":      "does not return",
	"reset_stack_and_call_ind":   "does not return",
	"do_nmi":                     "can run while code is being patched",
	"nmi_watchdog_tick":          "can run while code is being patched",
	"do_machine_check":           "can run while code is being patched",
	"x86_mcinfo_dump":            "can run while code is being patched",
	"mcheck_cmn_handler":         "can run while code is being patched",
	"do_trap_nmi":                "can run while code is being patched",
	"do_livepatch_work":          "applies payloads",
	"check_for_livepatch_work":   "applies payloads",
	"livepatch_do_action":        "applies payloads",
	"apply_payload":              "applies payloads",
	"revert_payload":             "applies payloads",
	"livepatch_display_metadata": "applies payloads",
	"arch_livepatch_apply":       "writes the trampolines",
	"arch_livepatch_revert":      "writes the trampolines",
	"arch_livepatch_quiesce":     "stops the CPUs for patching",
	"arch_livepatch_revive":      "stops the CPUs for patching",
	"arch_livepatch_mask":        "stops the CPUs for patching",
	"arch_livepatch_unmask":      "stops the CPUs for patching",
	"arch_livepatch_post_action": "stops the CPUs for patching",
	"common_livepatch_apply":     "applies payloads",
	"common_livepatch_revert":    "applies payloads",
	"livepatch_nmi_callback":     "can run while code is being patched",
	"play_dead":                  "does not return",
	"machine_crash_shutdown":     "runs when the hypervisor has crashed, with NMIs",
	"virtual_region_find_text":   "is used to find fixups while patching",
}

func forbidden(path, name string) string {
	if why := never[name]; why != "" {
		return why
	}
	if strings.HasSuffix(path, "/livepatch.c") && strings.Contains(path, "/arch/") && strings.HasPrefix(name, "arch_livepatch_") &&
		(strings.Contains(name, "apply") || strings.Contains(name, "revert") || strings.Contains(name, "quiesce")) {
		return "is part of applying payloads"
	}
	return ""
}
