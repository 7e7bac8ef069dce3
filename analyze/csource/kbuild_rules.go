package csource

import "strings"

// rule evaluates a rule, a target-specific variable, or a line of references
// that are there for their effect.
func (r *makeRun) rule(text string) {
	i := outside(text, ":")
	if i < 0 {
		text = strings.TrimSpace(known(r.expand(text)))
		if text == "" {
			return
		}
		if i = strings.IndexByte(text, ':'); i < 0 {
			r.warn("line is not understood: %.60q", text)
			return
		}
	}
	r.endRule()
	r.inRule = true
	targets := r.names(text[:i])
	rest := strings.TrimPrefix(text[i+1:], ":")
	word, tail := cutWord(rest)
	if word != "export" && word != "private" && word != "override" {
		tail = rest
	}
	if a, ok := parseAssignment(tail); ok {
		r.inRule = false
		r.addSpecific(targets, a)
		return
	}
	rest, recipe, inline := cutOutside(rest, ";")
	rest = r.expand(rest)
	var static string
	if before, after, ok := strings.Cut(rest, ":"); ok {
		static, rest = strings.TrimSpace(before), after
	}
	prereqs := r.names(rest)
	if i := indexOf(prereqs, "|"); i >= 0 {
		prereqs = prereqs[:i]
	}
	r.addRules(targets, static, prereqs)
	if inline {
		r.addRecipe(strings.TrimSpace(recipe))
	}
}

func cutOutside(s, sep string) (before, after string, found bool) {
	if i := outside(s, sep); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func indexOf(words []string, word string) int {
	for i, w := range words {
		if w == word {
			return i
		}
	}
	return -1
}

// names expands a list of file names.
func (r *makeRun) names(text string) []string {
	text = r.expand(text)
	if strings.Contains(text, unknownText) {
		r.warn("a list of files depends on a shell command, which is taken to print nothing")
		text = known(text)
	}
	return strings.Fields(text)
}

func (r *makeRun) addSpecific(targets []string, a assignment) {
	a.name = strings.TrimSpace(r.expand(a.name))
	if a.op == ":=" {
		a.value = r.expand(a.value)
	}
	for _, target := range targets {
		if strings.Contains(target, "%") {
			target = r.patternNode(target)
		} else {
			target = r.node(target)
		}
		r.specific = append(r.specific, specificVar{target, a})
	}
	if len(r.specific) > maxMakeRules {
		r.tree.fail("%s: expected at most %d rules", r.where(), maxMakeRules)
	}
}

func (r *makeRun) addRules(targets []string, static string, prereqs []string) {
	if len(r.explicit)+len(r.patterns)+len(targets) > maxMakeRules {
		r.tree.fail("%s: expected at most %d rules", r.where(), maxMakeRules)
		return
	}
	if static == "" && len(targets) > 0 && strings.Contains(targets[0], "%") {
		p := &makeRule{at: r.where()}
		for _, target := range targets {
			p.targets = append(p.targets, r.patternNode(target))
		}
		for _, prereq := range prereqs {
			if strings.Contains(prereq, "%") {
				prereq = r.patternNode(prereq)
			} else {
				prereq = r.node(prereq)
			}
			p.prereqs = append(p.prereqs, prereq)
		}
		r.patterns = append(r.patterns, p)
		r.open = []*makeRule{p}
		return
	}
	for _, target := range targets {
		node := r.node(target)
		rule := r.explicit[node]
		if rule == nil {
			rule = &makeRule{targets: []string{node}, at: r.where()}
			r.explicit[node] = rule
		}
		stem, matched := matchPattern(static, target)
		if static != "" && !matched {
			r.warn("target %s does not match %s", target, static)
			continue
		}
		if static != "" {
			rule.stem = stem
		}
		for _, prereq := range prereqs {
			if static != "" {
				prereq = strings.Replace(prereq, "%", stem, 1)
			}
			rule.prereqs = append(rule.prereqs, r.node(prereq))
		}
		if !r.tree.spend(32 * len(prereqs)) {
			return
		}
		r.open = append(r.open, rule)
	}
}

// addRecipe adds a recipe line to the rules just read.
func (r *makeRun) addRecipe(line string) {
	if !r.tree.spend(len(line) + 16*len(r.open)) {
		return
	}
	for _, rule := range r.open {
		rule.hasRecipe = true
		if line != "" {
			rule.recipe = append(rule.recipe, line)
		}
	}
}
