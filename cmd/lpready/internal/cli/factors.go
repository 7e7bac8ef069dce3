package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lpready/analyze/factor"
	"lpready/cmd/lpready/internal/render"
)

func newFactors(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "factors [ID]",
		Short: "List what makes a patch hard to livepatch, and the remedies",
		Long: `List the rules that find what makes a patch hard to livepatch: what each of them
looks for, why it matters, and what is to be done. With the id of a rule, that
one in full.`,
		Example: `  lpready factors
  lpready factors struct-layout
  lpready factors --format markdown -o factors.md`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFactor,
	}
	out := addOutput(a, cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		rules := factor.Rules()
		if len(args) == 1 {
			i := slices.IndexFunc(rules, func(r factor.Rule) bool { return r.ID == args[0] })
			if i < 0 {
				return inputf("no factor %q: expected one of %s", args[0], strings.Join(factorIDs(), ", "))
			}
			rules = rules[i : i+1]
		}
		return out.write(func(w io.Writer) error {
			return render.Factors(w, out.format.value, a.layout(out.file != ""), rules)
		})
	}
	return cmd
}

func factorIDs() []string {
	var ids []string
	for _, r := range factor.Rules() {
		ids = append(ids, r.ID)
	}
	return ids
}

func completeFactor(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return factorIDs(), cobra.ShellCompDirectiveNoFileComp
}
