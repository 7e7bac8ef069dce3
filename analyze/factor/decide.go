package factor

import (
	"fmt"
	"slices"
	"strings"
)

// Decide returns the class of a cell with these findings and one sentence that
// says which of them decided. The class is the greatest "least class" of the
// findings, in the order of Classes without Unknown; a finding of class Unknown
// wins over not-needed and clean, because what it misses could raise them. No
// finding with a class at all is unknown too. Scope is what the patches touch
// (see Scopes); it only makes the sentence for not-needed clearer.
func Decide(findings []Finding, scope ...string) (Class, string) {
	class, decisive := Class(""), -1
	for i, f := range findings {
		if f.Class == "" {
			continue
		}
		heavier := decisive < 0 || weight(f.Class) > weight(class)
		// Of two that weigh the same, the one that names a place says more.
		if heavier || weight(f.Class) == weight(class) && findings[decisive].Place() == "" && f.Place() != "" {
			class, decisive = f.Class, i
		}
	}
	if decisive < 0 {
		return Unknown, "nothing was found that says whether the patch changes this hypervisor"
	}
	f := findings[decisive]
	switch class {
	case NotNeeded:
		return class, notNeededWhy(findings, scope)
	case Clean:
		more := 0
		for _, other := range findings {
			if other.ID == f.ID && other.Class == Clean {
				more++
			}
		}
		why := "every change is in code that a payload can replace as it is: " + f.Message
		if more > 1 {
			why += fmt.Sprintf(", and %s", count(more-1, "more file"))
		}
		return class, why
	}
	if f.Place() == "" {
		return class, f.ID + ": " + f.Message
	}
	return class, fmt.Sprintf("%s at %s: %s", f.ID, f.Place(), f.Message)
}

// weight orders classes for Decide: unknown stands between clean and adapt.
func weight(c Class) int {
	if c == Unknown {
		return 2*slices.Index(Classes, Clean) + 1
	}
	return 2 * slices.Index(Classes, c)
}

func notNeededWhy(findings []Finding, scope []string) string {
	hypervisor := slices.ContainsFunc(scope, func(s string) bool { return strings.HasPrefix(s, "hypervisor/") })
	if len(scope) > 0 && !hypervisor {
		return "nothing of it is hypervisor code, only " + strings.Join(scope, ", ")
	}
	var reasons []string
	for _, f := range findings {
		if f.Class == NotNeeded && !slices.Contains(reasons, f.Message) {
			reasons = append(reasons, f.Message)
		}
	}
	const most = 3
	if more := len(reasons) - most; more > 0 {
		reasons = append(reasons[:most], fmt.Sprintf("and %d more", more))
	}
	return "nothing of it changes this hypervisor: " + strings.Join(reasons, "; ")
}
