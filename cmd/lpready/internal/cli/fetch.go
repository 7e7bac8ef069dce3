package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"lpready/analyze/advisory"
	"lpready/cmd/lpready/internal/render"
)

func newFetch(a *app) *cobra.Command {
	var base, dir string
	cmd := &cobra.Command{
		Use:   "fetch XSA...",
		Short: "Download public advisories with their patches",
		Long: `Download advisories that are public, with their patches, into a folder of mode
0700, and verify the checksums. What is there already is not fetched again.
This is the only command that touches the network.`,
		Example: `  lpready fetch 480 486 -d batch
  lpready fetch XSA-480 --url http://127.0.0.1:8000/xsa/`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return inputf("expected numbers of advisories, such as 480 or XSA-480")
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
	must(cmd.MarkFlagDirname("dir"))
	must(cmd.RegisterFlagCompletionFunc("url", cobra.NoFileCompletions))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if u, err := url.Parse(base); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return inputf("--url %q: expected http://... or https://...", base)
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
