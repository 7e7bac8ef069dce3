package workers

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"
)

func writeTest(t testing.TB, mode os.FileMode, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return name
}

// refused wants that a participant is, in words that say why.
func refused(t *testing.T, o Options, says string) {
	t.Helper()
	c, err := Connect(t.Context(), o)
	if err == nil {
		c.Close()
	}
	if !errors.As(err, new(*RefusedError)) || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "\n") {
		t.Errorf("refused with %v, expected a line with %q", err, says)
	}
}

func TestUnauthenticated(t *testing.T) {
	s, key := startTest(t, ServerOptions{User: "worker", Password: "secret"}), newTestKey(t)
	refused(t, Options{URL: s.URL(), Key: key}, "does not let this client in")
	refused(t, Options{URL: s.URL(), Key: key, Creds: writeTest(t, 0o600, "worker:wrong\n")}, "does not let this client in")
	connectTest(t, Options{URL: s.URL(), Key: key, Creds: writeTest(t, 0o600, "# ours\nworker:secret\n")})
}

func TestNotLoopback(t *testing.T) {
	key := newTestKey(t)
	creds := writeTest(t, 0o600, "worker:secret\n")
	refused(t, Options{URL: "nats://192.0.2.1:4222", Key: key, Creds: creds}, "expected TLS")
	refused(t, Options{URL: "tls://192.0.2.1:4222", Key: key}, "expected credentials")
	refused(t, Options{URL: "nats://queue.example:4222", Key: key, Creds: creds}, "expected TLS")
	refused(t, Options{URL: "192.0.2.1", Key: key}, "expected the URL")
	refused(t, Options{URL: "nats://127.0.0.1:4222"}, "no key")
	for _, o := range []ServerOptions{{Listen: "127.0.0.1:0", Password: "secret"}, {Listen: "0.0.0.0:0"}, {Listen: ":0"}, {Listen: "nowhere"}, {Listen: "127.0.0.1:x"}} {
		o.Dir = t.TempDir()
		if _, err := StartServer(o); !errors.As(err, new(*RefusedError)) {
			t.Errorf("a server at %s: %v", o.Listen, err)
		}
	}
}

func TestWrongKey(t *testing.T) {
	s := startTest(t, ServerOptions{})
	connectTest(t, Options{URL: s.URL(), Key: newTestKey(t)})
	refused(t, Options{URL: s.URL(), Key: newTestKey(t)}, "this key is ")
}

func TestOtherProtocol(t *testing.T) {
	s, key := startTest(t, ServerOptions{}), newTestKey(t)
	connectTest(t, Options{URL: s.URL(), Key: key})
	refused(t, Options{URL: s.URL(), Key: key, protocol: Protocol + 1}, "speak protocol 1, this program speaks 2")
}

func TestReadKey(t *testing.T) {
	key := newTestKey(t)
	got, err := ReadKey(writeTest(t, 0o600, "# created today\n"+key.String()+"\n"))
	if err != nil || got.ID() != key.ID() || got.String() != key.String() {
		t.Errorf("%v", err)
	}
	if len(key.ID()) != 12 || strings.Contains(key.String(), key.ID()) {
		t.Errorf("id %s", key.ID())
	}
	for text, says := range map[string]string{"": "line 1: expected", "# x\nsecret\n": "line 2: expected AGE-SECRET-KEY-1", key.String() + "\nmore\n": "line 2: expected only one line"} {
		if _, err := ReadKey(writeTest(t, 0o600, text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, expected %q", text, err, says)
		}
	}
	if _, err := ReadKey(writeTest(t, 0o644, key.String())); err == nil || !strings.Contains(err.Error(), "0644") || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("readable by all: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := pair.Seed()
	if err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{string(seed): "", "user:password": "", "nonsense": "expected NATS credentials"} {
		o := Options{Creds: writeTest(t, 0o600, text)}
		if list, err := o.credentials(); says == "" && (err != nil || len(list) != 1) || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%v, expected %q", err, says)
		}
	}
}

// certify makes a certificate for this machine and gives its files.
func certify(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "queue"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert = writeTest(t, 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return cert, writeTest(t, 0o600, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

// TestTLS wants a server whose certificate is known.
func TestTLS(t *testing.T) {
	cert, private := certify(t)
	other, _ := certify(t)
	s, key := startTest(t, ServerOptions{TLSCert: cert, TLSKey: private, User: "u", Password: "p"}), newTestKey(t)
	url := strings.Replace(s.URL(), "nats://", "tls://", 1)
	creds := writeTest(t, 0o600, "u:p")
	connectTest(t, Options{URL: url, Key: key, Creds: creds, CA: cert})
	refused(t, Options{URL: url, Key: key, Creds: creds, CA: other}, "--tls-ca")
	refused(t, Options{URL: url, Key: key, Creds: creds}, "--tls-ca")
	plain := startTest(t, ServerOptions{})
	refused(t, Options{URL: strings.Replace(plain.URL(), "nats://", "tls://", 1), Key: key, CA: cert}, "has no TLS")
}
