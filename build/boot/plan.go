package boot

import (
	"fmt"
	"slices"
	"strings"

	"lpready/build/payload"
)

// A Payload is a .livepatch file, under the name that it is loaded by.
type Payload struct {
	Name string
	Data []byte

	// Verified is what the checks of package payload say, nil if they were not made.
	Verified *payload.Result
}

// A Policy is how payloads follow each other.
type Policy struct {
	Replace  bool // the action REPLACE takes out what was applied before
	Stacking bool // each depends on the one before it
}

// Actions of steps.
const (
	actList     = "list"
	actUpload   = "upload"
	actApply    = "apply"
	actRevert   = "revert"
	actReplace  = "replace"
	actUnload   = "unload"
	actExercise = "exercise"

	actToolstack = "toolstack"
	actCreate    = "guest-create"
	actRunning   = "guest-runs"
	actDestroy   = "guest-destroy"
)

// States of a payload in the words of xen-livepatch list.
const (
	stateChecked = "CHECKED"
	stateApplied = "APPLIED"
)

// A planned step is one command, and what must be true after it.
type planned struct {
	action  string
	subject string   // name of a payload or a guest, empty for none
	command []string // for the script, see init.sh
	need    int      // number of the step that must have passed, -1 for none

	// states are the payloads that list has to show, with their states.
	states map[string]string
}

// A plan is all steps of one boot, and the payloads and the remarks that belong to it.
type plan struct {
	steps    []planned
	payloads []Payload
	remarks  []string // what is not tried, and why
	now      map[string]string
	guest    bool
}

func newPlan(guest bool) *plan { return &plan{now: map[string]string{}, guest: guest} }

// add adds a step that needs the one before it to have passed.
func (p *plan) add(action, subject string, command ...string) {
	p.steps = append(p.steps, planned{action: action, subject: subject, command: command, need: len(p.steps) - 1})
}

// file is the place of a payload in the initramfs.
func payloadFile(i int) string { return fmt.Sprintf("/payloads/%d.livepatch", i) }

func (p *plan) upload(one *Payload) {
	i := slices.IndexFunc(p.payloads, func(x Payload) bool { return x.Name == one.Name })
	if i < 0 {
		i = len(p.payloads)
		p.payloads = append(p.payloads, *one)
	}
	p.now[one.Name] = stateChecked
	p.add(actUpload, one.Name, "livepatch", "upload", one.Name, payloadFile(i))
}

func (p *plan) apply(one *Payload, how ...string) {
	p.now[one.Name] = stateApplied
	p.add(actApply, one.Name, slices.Concat([]string{"livepatch", "apply", one.Name}, how)...)
}

func (p *plan) replace(one *Payload) {
	for name := range p.now {
		p.now[name] = stateChecked
	}
	p.now[one.Name] = stateApplied
	p.add(actReplace, one.Name, "livepatch", "replace", one.Name)
}

func (p *plan) revert(one *Payload) {
	p.now[one.Name] = stateChecked
	p.add(actRevert, one.Name, "livepatch", "revert", one.Name)
}

func (p *plan) unload(one *Payload) {
	delete(p.now, one.Name)
	p.add(actUnload, one.Name, "livepatch", "unload", one.Name)
}

func (p *plan) list() {
	p.add(actList, "", "states")
	states := map[string]string{}
	for name, state := range p.now {
		states[name] = state
	}
	p.steps[len(p.steps)-1].states = states
}

func (p *plan) exercise() { p.add(actExercise, "", "exercise") }

// again has a payload applied once more after it was reverted: as it is, or loaded anew
// where it has data that was written to.
func (p *plan) again(one *Payload, how ...string) {
	if hasData(one) {
		p.unload(one)
		p.upload(one)
	}
	p.apply(one, how...)
	p.list()
}

func hasData(one *Payload) bool {
	if one.Verified == nil {
		return false
	}
	return slices.ContainsFunc(one.Verified.Findings, func(f payload.Finding) bool { return f.Check == "reapply" })
}

// planOne is the sequence of one payload, upon those below it, with a second one after it.
func planOne(one Payload, below []Payload, second *Payload, policy Policy, guest bool) *plan {
	p := newPlan(guest)
	p.list()
	p.guestBefore()
	for i := range below {
		p.upload(&below[i])
		p.apply(&below[i])
	}
	p.upload(&one)
	p.apply(&one)
	p.list()
	p.exercise()
	p.guestWhile()
	p.revert(&one)
	p.list()
	p.again(&one)
	p.exercise()
	p.follow(&one, second, policy)
	for i := len(below) - 1; i >= 0; i-- {
		p.revert(&below[i])
		p.unload(&below[i])
	}
	p.list()
	return p
}

// follow has a second payload come after one that is applied, and takes both out.
func (p *plan) follow(one, second *Payload, policy Policy) {
	switch {
	case second != nil && policy.Stacking && !policy.Replace:
		p.upload(second)
		p.apply(second)
		p.list()
		p.revert(second)
		p.unload(second)
	case second != nil:
		p.upload(second)
		p.replace(second)
		p.list()
		p.unload(one)
		p.revert(second)
		p.unload(second)
		return
	}
	p.revert(one)
	p.unload(one)
}

// planSet is the whole set in its order.
func planSet(set []Payload, policy Policy) *plan {
	p := newPlan(false)
	p.list()
	for i := range set {
		p.upload(&set[i])
		switch {
		case i == 0:
			p.apply(&set[i])
		case policy.Replace:
			p.replace(&set[i])
		case Upon(&set[i], &set[i-1]) || policy.Stacking:
			p.apply(&set[i])
		default:
			p.apply(&set[i], "--nodeps")
		}
		p.list()
		p.exercise()
	}
	for i := len(set) - 1; i >= 0; i-- {
		if !policy.Replace || i == len(set)-1 {
			p.revert(&set[i])
		}
		p.unload(&set[i])
	}
	p.list()
	if !policy.Replace && !policy.Stacking && len(set) > 1 && !Upon(&set[1], &set[0]) {
		p.remarks = append(p.remarks, "the payloads neither replace each other nor depend on each other: all but the first are applied with --nodeps")
	}
	return p
}

// Upon tells whether a payload was made to be applied upon another.
func Upon(one, below *Payload) bool {
	a, errA := payload.Read(one.Data)
	b, errB := payload.Read(below.Data)
	return errA == nil && errB == nil && b.BuildID != "" && a.Depends == b.BuildID
}

// TrialOf is the trial of one payload of a set: upon those that it was made for, and with
// the next one after it, where that can follow.
func TrialOf(set []Payload, i int, policy Policy, guest bool) Trial {
	t := Trial{Payload: set[i], Policy: policy, Guest: guest, Below: below(set[:i], &set[i])}
	if i+1 < len(set) && follows(&set[i+1], &set[i], policy) {
		t.Second = &set[i+1]
	}
	return t
}

// below are the payloads that must be applied before one, in order.
func below(before []Payload, one *Payload) []Payload {
	for i := len(before) - 1; i >= 0; i-- {
		if Upon(one, &before[i]) {
			return append(below(before[:i], &before[i]), before[i])
		}
	}
	return nil
}

// follows tells whether a payload can come after another one.
func follows(next, one *Payload, policy Policy) bool {
	if policy.Replace {
		a, errA := payload.Read(one.Data)
		b, errB := payload.Read(next.Data)
		return errA == nil && errB == nil && a.XenDepends == b.Depends
	}
	return Upon(next, one)
}

// script writes the steps for init.sh.
func (p *plan) script() []byte {
	var b strings.Builder
	for i, s := range p.steps {
		need := "-"
		if s.need >= 0 {
			need = fmt.Sprint(s.need)
		}
		fmt.Fprintf(&b, "step %d %s", i, need)
		for _, word := range s.command {
			b.WriteString(" '" + strings.ReplaceAll(word, "'", `'\''`) + "'")
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}
