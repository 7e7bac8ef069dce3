package factor

import "lpready/analyze/csource"

var cpuBringup = Rule{
	ID:    "cpu-bringup",
	Title: "Code that runs when a CPU comes up",
	Explanation: "The function runs at boot, for each CPU, and later only on resume or CPU hotplug. A payload that replaces it " +
		"changes nothing on a host whose CPUs are all up: XSA-488 and XSA-490 build a payload with init_amd() alone, " +
		"which would leave every CPU unmitigated.",
	Remedy:   "Call the changed part on every CPU from a load hook (on_each_cpu() is not safe there; write the MSR from the per-CPU quiesced path or a tasklet), and keep the replaced function for CPUs that come up later.",
	Severity: Change,
	Class:    Adapt,
	Check: func(in *Input) []Finding {
		return in.livesOf(csource.CPUUp, func(c *change, f csource.FuncChange, path string) Finding {
			return c.finding(funcLine(f), funcName(f), "%s() runs only when a CPU comes up (%s): the CPUs of a running host do not pass it again",
				funcName(f), path)
		})
	},
}
