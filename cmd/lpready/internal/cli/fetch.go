package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"lpready/analyze/advisory"
	"lpready/build/tree"
	"lpready/cmd/lpready/internal/render"
	"lpready/vendors"
)

func newFetch(a *app) *cobra.Command {
	var base, dir, vendor string
	var bases []string
	cmd := &cobra.Command{
		Use:   "fetch XSA...",
		Short: "Download public advisories with their patches, or the source of a base",
		Long: `Download advisories that are public, with their patches, into a folder of mode
0700, and verify the checksums. What is there already is not fetched again.
With --base, apt downloads the Debian source package of a base instead.
This is the only command that touches the network.`,
		Example: `  lpready fetch 480 486 -d batch
  lpready fetch XSA-480 --url http://127.0.0.1:8000/xsa/
  lpready fetch --vendor debian-bookworm --base 4.17.5+72 -d source`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && len(bases) == 0 {
				return inputf("expected numbers of advisories, such as 480 or XSA-480, or --base")
			}
			for _, arg := range args {
				if _, ok := xsaNumber(arg); !ok {
					return inputf("%q: expected the number of an advisory, such as 480 or XSA-480", arg)
				}
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&base, "url", advisory.DefaultBase, "where the advisories are (`base`)")
	cmd.Flags().StringVarP(&dir, "dir", "d", ".", "`folder` to put them in")
	cmd.Flags().StringVar(&vendor, "vendor", "", "profile of the vendor of --base: a `name` (see vendors list) or a file")
	cmd.Flags().StringArrayVar(&bases, "base", nil, "have apt download the source of this base of the vendor, by its `id`; repeat for more")
	must(cmd.MarkFlagDirname("dir"))
	must(cmd.RegisterFlagCompletionFunc("url", cobra.NoFileCompletions))
	must(cmd.RegisterFlagCompletionFunc("vendor", completeProfile))
	cmd.MarkFlagsRequiredTogether("vendor", "base")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return inputf("--url %q: expected http://... or https://...", base)
		}
		if len(bases) > 0 {
			if err := a.fetchBases(cmd.Context(), vendor, bases, dir); err != nil {
				return err
			}
		}
		var failed []error
		for _, arg := range args {
			n, _ := xsaNumber(arg)
			failed = append(failed, a.fetch(cmd.Context(), base, n, dir))
		}
		return machine(errors.Join(failed...))
	}
	return cmd
}

// fetchBases has apt download the sources of bases, and prints where they are.
func (a *app) fetchBases(ctx context.Context, vendor string, ids []string, dir string) error {
	profile, err := vendors.Find(vendor)
	if err != nil {
		return input(err)
	}
	for _, id := range ids {
		i := slices.IndexFunc(profile.Bases, func(b vendors.Base) bool { return b.ID == id })
		if i < 0 {
			return inputf("%s has no base %q: expected one of %s", profile.Name, id, strings.Join(baseIDs(profile), ", "))
		}
		d := profile.Bases[i].Source.Debian
		if d.Package == "" {
			return inputf("base %s of %s is no Debian source package: see lpready vendors show %s", id, profile.Name, profile.Name)
		}
		file, err := tree.Fetch(ctx, d.Package, d.Version, dir)
		if err != nil {
			return machine(err)
		}
		if _, err := fmt.Fprintf(a.Stdout, "%s  %s\n", id, render.Safe(file)); err != nil {
			return machine(err)
		}
	}
	return nil
}

// fetch downloads one advisory and tells what became of each of its files.
func (a *app) fetch(ctx context.Context, base string, xsa int, dir string) error {
	show, wipe := a.progress()
	files, err := advisory.Fetch(ctx, nil, base, xsa, dir, func(name string, done, total int64) {
		show(int(done), int(total), name)
	})
	wipe()
	for _, f := range files {
		if _, err := fmt.Fprintf(a.Stdout, "XSA-%d  %-7s  checksum %-6s  %s\n", xsa, f.Status, f.Checksum, render.Safe(f.Name)); err != nil {
			return err
		}
	}
	return err
}
