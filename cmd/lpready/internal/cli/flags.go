package cli

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"lpready/cmd/lpready/internal/render"
)

// A choice is a flag that takes one of a few words.
type choice struct {
	value string
	kind  string // what the words are, for help
	of    []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return c.kind }

func (c *choice) Set(s string) error {
	if !slices.Contains(c.of, s) {
		return fmt.Errorf("expected one of %s", strings.Join(c.of, ", "))
	}
	c.value = s
	return nil
}

func (c *choice) complete(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return c.of, cobra.ShellCompDirectiveNoFileComp
}

// formatFlag is a choice among the formats of the renderer.
func formatFlag(of ...string) *choice { return &choice{value: of[0], kind: "format", of: of} }

// addFormat gives a command a --format of the renderer's: those that every result
// has, unless it names its own.
func addFormat(cmd *cobra.Command, formats ...string) *choice {
	if len(formats) == 0 {
		formats = render.Formats()
	}
	format := formatFlag(formats...)
	addChoice(cmd, format, "format", "how to write the result: "+strings.Join(format.of, ", "))
	return format
}

func addChoice(cmd *cobra.Command, c *choice, name, usage string) {
	cmd.Flags().Var(c, name, usage)
	must(cmd.RegisterFlagCompletionFunc(name, c.complete))
}

// must is for registrations that fail only when a flag is misspelt in this
// package, which every test that builds the commands finds.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// xsaNumbers is a flag that collects XSA numbers: 480, XSA-480, 480,481.
type xsaNumbers []int

func (x *xsaNumbers) String() string {
	if x == nil || len(*x) == 0 {
		return ""
	}
	words := make([]string, len(*x))
	for i, n := range *x {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ",")
}

func (x *xsaNumbers) Type() string { return "numbers" }

func (x *xsaNumbers) Set(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		n, ok := xsaNumber(word)
		if !ok {
			return fmt.Errorf("expected numbers of advisories such as 480 or XSA-480, separated by commas")
		}
		*x = append(*x, n)
	}
	return nil
}

var xsaForm = regexp.MustCompile(`(?i)^(?:xsa-?)?([0-9]{1,5})$`)

// xsaNumber reads "480", "xsa480" or "XSA-480".
func xsaNumber(s string) (int, bool) {
	m := xsaForm.FindStringSubmatch(strings.TrimSpace(s))
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil && n > 0
}
