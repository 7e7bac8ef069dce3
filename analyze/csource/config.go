package csource

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits of a .config: Xen's own have about 150 lines.
const (
	maxConfigLine = 64 << 10
	maxConfigSize = 4 << 20
)

// A Config is what a base's .config says: option names with their CONFIG_
// prefix, values as written ("y", "256", "0x100", and strings still in their
// quotes, as include/config/auto.conf hands them to make). An option that is
// not set is absent.
type Config map[string]string

// On tells whether the named option (with or without CONFIG_) is built in.
func (c Config) On(name string) bool {
	if !strings.HasPrefix(name, "CONFIG_") {
		name = "CONFIG_" + name
	}
	return c[name] == "y"
}

// ParseConfig reads a .config as Xen's Kconfig writes it
// (xen/tools/kconfig/confdata.c): CONFIG_X=y, a decimal or 0x number, or a
// quoted string; "# CONFIG_X is not set"; other comments and blank lines. As
// there, the last line about an option counts. An error names the file, the
// line and what was expected; a file without a single option is an error too,
// since taking it for a configuration would mean that nothing is compiled.
func ParseConfig(name string, r io.Reader) (Config, error) {
	cfg := make(Config)
	limited := &io.LimitedReader{R: r, N: maxConfigSize + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 4096), maxConfigLine)
	seen, n := false, 0
	for lines.Scan() {
		n++
		option, value, err := configLine(strings.TrimRight(lines.Text(), " \t\r"))
		if strings.Contains(value, "\r") {
			err = errors.New("expected no carriage return within a value")
		}
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		case option == "":
			continue
		case value == "":
			delete(cfg, option)
		default:
			cfg[option] = value
		}
		seen = true
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return nil, fmt.Errorf("%s:%d: expected a line of at most %d bytes", name, n+1, maxConfigLine)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("%s: expected a configuration of at most %d bytes", name, maxConfigSize)
	}
	if !seen {
		return nil, fmt.Errorf("%s:%d: expected a Kconfig .config, found no CONFIG_ line", name, n)
	}
	return cfg, nil
}

// configLine takes one line apart. No option means a comment or a blank line,
// no value that the option is off.
func configLine(line string) (option, value string, err error) {
	if rest, ok := strings.CutPrefix(line, "# CONFIG_"); ok {
		if name, ok := strings.CutSuffix(rest, " is not set"); ok {
			if !isOption(name) {
				return "", "", fmt.Errorf("expected # CONFIG_NAME is not set, found %.60q", line)
			}
			return "CONFIG_" + name, "", nil
		}
	}
	if line == "" || line[0] == '#' {
		return "", "", nil
	}
	option, value, ok := strings.Cut(line, "=")
	name, prefixed := strings.CutPrefix(option, "CONFIG_")
	if !ok || !prefixed || !isOption(name) {
		return "", "", fmt.Errorf("expected CONFIG_NAME=value, found %.60q", line)
	}
	switch {
	case value == "n":
		return option, "", nil
	case value == "y", isNumber(value), isQuoted(value):
		return option, value, nil
	}
	return "", "", fmt.Errorf("expected y, n, a number or a quoted string for %s, found %.60q", option, value)
}

func isOption(s string) bool {
	for _, c := range []byte(s) {
		if !isOptionByte(c) {
			return false
		}
	}
	return s != ""
}

// isOptionByte tells whether c can stand in the name of an option.
func isOptionByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isNumber(s string) bool {
	digits := "0123456789"
	if hex, ok := strings.CutPrefix(strings.ToLower(s), "0x"); ok {
		s, digits = hex, "0123456789abcdef"
	} else {
		s = strings.TrimPrefix(s, "-")
	}
	return s != "" && strings.Trim(s, digits) == ""
}

// isQuoted tells whether s is one string in double quotes, in which only \ and
// " are escaped.
func isQuoted(s string) bool {
	if len(s) < 2 || s[0] != '"' {
		return false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i == len(s)-1
		}
	}
	return false
}

// Arch names the folder below xen/arch that a configuration is for: "x86",
// "arm", "riscv" or "ppc"; empty if it does not say.
func Arch(cfg Config) string {
	for _, arch := range []string{"x86", "arm", "riscv", "ppc"} {
		if cfg.On(strings.ToUpper(arch)) {
			return arch
		}
	}
	return ""
}
