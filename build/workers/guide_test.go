package workers

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// TestGuide runs the script of the guide, starts a server with what it makes, and lets in
// those who have its credentials, and nobody else.
func TestGuide(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	dir := filepath.Join(t.TempDir(), "queue")
	script, err := filepath.Abs(filepath.Join("..", "..", "docs", "workers", "queue.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("sh", script, "127.0.0.1", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	o, err := server.ProcessConfigFile(filepath.Join(dir, "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	o.Host, o.Port, o.NoLog, o.NoSigs = "127.0.0.1", server.RANDOM_PORT, true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not listen")
	}
	t.Cleanup(s.WaitForShutdown)
	t.Cleanup(s.Shutdown)
	url, key, ca := "tls://"+s.Addr().String(), newTestKey(t), filepath.Join(dir, "ca.pem")
	serveTest(t, connectTest(t, Options{URL: url, Key: key, CA: ca, Creds: filepath.Join(dir, "worker.creds")}), Offer{Needs: []Need{gcc}, Slots: 1, Do: upper})
	submitter := connectTest(t, Options{URL: url, Key: key, CA: ca, Creds: filepath.Join(dir, "build.creds")})
	if got, _, err := submitter.Do(t.Context(), gcc, []byte("x"), nil); err != nil || string(got) != "X" {
		t.Errorf("%q, %v", got, err)
	}
	refused(t, Options{URL: url, Key: key, CA: ca}, "does not let this client in")
	refused(t, Options{URL: url, Key: key, Creds: filepath.Join(dir, "build.creds")}, "--tls-ca")
	unreadable(t, dir, key.String())
}
