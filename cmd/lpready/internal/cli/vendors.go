package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
	"lpready/vendors"
)

func newVendors(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vendors",
		Short: "List, show, check and begin profiles of vendors",
		Long: `A profile says which hypervisors a vendor shipped: source, .config, symbols,
compiler, end of life. Profiles of public vendors are built in; one's own is a
YAML file, which init begins and check examines.`,
		Example: `  lpready vendors list
  lpready vendors show debian-bookworm`,
		Args: noCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newVendorsList(a), newVendorsShow(a), newVendorsCheck(a), newVendorsInit(a))
	return cmd
}

func newVendorsList(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the built-in profiles",
		Example: `  lpready vendors list`,
		Args:    cobra.NoArgs,
	}
	out := addOutput(a, cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		var profiles []*vendors.Profile
		for _, name := range vendors.Embedded() {
			p, err := vendors.Find(name)
			if err != nil {
				return err
			}
			profiles = append(profiles, p)
		}
		return out.write(func(w io.Writer) error {
			return render.Vendors(w, out.format.value, a.layout(out.file != ""), profiles)
		})
	}
	return cmd
}

func newVendorsShow(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME|FILE",
		Short: "Show what a profile says, and what it leaves unknown",
		Example: `  lpready vendors show debian-bookworm
  lpready vendors show profile.yaml`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeProfile,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := vendors.Find(args[0])
			if err != nil {
				return input(err)
			}
			return machine(render.Vendor(a.Stdout, a.layout(false), p))
		},
	}
}

func newVendorsCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check NAME|FILE...",
		Short: "Examine profiles: mistakes, files that are not there, ends of life",
		Example: `  lpready vendors check profile.yaml
  lpready vendors check debian-bookworm`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeProfile,
		RunE: func(_ *cobra.Command, args []string) error {
			failed := 0
			for _, name := range args {
				p, err := vendors.Find(name)
				if err != nil {
					return input(err)
				}
				for _, problem := range vendors.Check(p, a.Now()) {
					if problem.Level == vendors.Error {
						failed++
					}
					if _, err := fmt.Fprintf(a.Stdout, "%s: %s\n", name, problem); err != nil {
						return machine(err)
					}
				}
			}
			if failed > 0 {
				return inputf("%d errors in %s", failed, strings.Join(args, ", "))
			}
			_, err := fmt.Fprintf(a.Stdout, "%s: can be used\n", strings.Join(args, ", "))
			return machine(err)
		},
	}
}

func newVendorsInit(a *app) *cobra.Command {
	out := &output{app: a}
	cmd := &cobra.Command{
		Use:     "init NAME",
		Short:   "Begin a profile: every key, explained",
		Example: `  lpready vendors init ourproduct -o ourproduct.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			profile := vendors.Template(args[0])
			if _, err := vendors.Parse(args[0]+".yaml", profile); err != nil {
				return inputf("name %q: expected lower-case letters, digits and dashes: %w", args[0], err)
			}
			return out.write(func(w io.Writer) error {
				_, err := w.Write(profile)
				return err
			})
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVarP(&out.file, "output", "o", "", "write to this `file`, readable by its owner only")
	return cmd
}

func completeProfile(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return vendors.Embedded(), cobra.ShellCompDirectiveDefault
}
