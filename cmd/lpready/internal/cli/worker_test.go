package cli

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestWorkerRefused says in one line, and by the exit code of wrong use, what is not safe
// or not there.
func TestWorkerRefused(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "lpready.key")
	run := func(args ...string) error {
		var out, said bytes.Buffer
		return Run(t.Context(), Env{Args: args, Getenv: func(name string) string {
			if name == "HOME" {
				return dir
			}
			return ""
		}, Now: time.Now, Stdin: strings.NewReader(""), Stdout: &out, Stderr: &said})
	}
	if err := run("worker", "key", "-o", key); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"worker", "key", "-o", key}, "is there already"},
		{[]string{"worker"}, "expected --nats"},
		{[]string{"worker", "--nats", "nats://127.0.0.1:4222"}, "--nats needs --key"},
		{[]string{"worker", "--nats", "nats://192.0.2.1:4222", "--key", key}, "expected TLS"},
		{[]string{"worker", "--nats", "tls://192.0.2.1:4222", "--key", key}, "expected credentials"},
		{[]string{"worker", "serve", "--listen", "0.0.0.0:0", "--store", filepath.Join(dir, "queue")}, "expected TLS and a password"},
		{[]string{"build", "--sample", "--work", filepath.Join(dir, "work"), "--key", key}, "expected the server"},
		{[]string{"build", "--sample", "--work", filepath.Join(dir, "work"), "--key", key, "--nats", "nats://127.0.0.1:4222", "--mode", "faithful"}, "expected --mode shared"},
	} {
		err := run(c.args...)
		if !errors.As(err, new(InputError)) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, expected %q", c.args, err, c.says)
		}
	}
}
