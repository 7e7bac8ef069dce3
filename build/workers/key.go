package workers

import (
	"bufio"
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

// A Key is the secret that submitters and workers share: an age identity, and what
// follows from it.
type Key struct {
	identity *age.X25519Identity
	names    []byte // of the HMACs
	id       string
}

// NewKey makes a key.
func NewKey() (*Key, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return newKey(identity)
}

func newKey(identity *age.X25519Identity) (*Key, error) {
	k := &Key{identity: identity}
	secret := []byte(identity.String())
	var err error
	if k.names, err = hkdf.Key(sha256.New, secret, nil, "lpready names", sha256.Size); err != nil {
		return nil, err
	}
	id, err := hkdf.Key(sha256.New, secret, nil, "lpready id", 6)
	k.id = hex.EncodeToString(id)
	return k, err
}

// String is the secret, as age writes it.
func (k *Key) String() string { return k.identity.String() }

// ID tells keys apart and gives nothing of them away: 12 hex digits.
func (k *Key) ID() string { return k.id }

// ReadKey reads a key from a file that nobody but its owner can read.
func ReadKey(file string) (*Key, error) {
	line, n, err := secretLine(file, "AGE-SECRET-KEY-1..., as lpready worker key or age-keygen makes it")
	if err != nil {
		return nil, err
	}
	identity, err := age.ParseX25519Identity(line)
	if err != nil {
		return nil, &RefusedError{Why: fmt.Sprintf("%s: line %d: expected AGE-SECRET-KEY-1..., as lpready worker key or age-keygen makes it", file, n)}
	}
	return newKey(identity)
}

// ReadPassword reads user:password from a file that nobody but its owner can read.
// Without a file there is none.
func ReadPassword(file string) (user, password string, err error) {
	if file == "" {
		return "", "", nil
	}
	line, n, err := secretLine(file, "user:password")
	if err != nil {
		return "", "", err
	}
	user, password, ok := strings.Cut(line, ":")
	if !ok || user == "" || password == "" {
		return "", "", &RefusedError{Why: fmt.Sprintf("%s: line %d: expected user:password", file, n)}
	}
	return user, password, nil
}

const maxSecretFile = 1 << 16

// secretLine is the only line of a file that is no comment, and its number.
func secretLine(file, expected string) (string, int, error) {
	data, err := readSecret(file)
	if err != nil {
		return "", 0, err
	}
	found, at, n := "", 0, 0
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		n++
		line := strings.TrimSpace(lines.Text())
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case found != "":
			return "", 0, &RefusedError{Why: fmt.Sprintf("%s: line %d: expected only one line, %s", file, n, expected)}
		default:
			found, at = line, n
		}
	}
	if found == "" {
		return "", 0, &RefusedError{Why: fmt.Sprintf("%s: line %d: expected %s", file, max(n, 1), expected)}
	}
	return found, at, nil
}

// readSecret reads a file that group and others cannot.
func readSecret(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, &RefusedError{Why: fmt.Sprintf("%s: its mode is %04o, expected that only its owner can read it", file, mode), Remedy: "chmod 600 " + file}
	}
	return io.ReadAll(io.LimitReader(f, maxSecretFile))
}

// mac begins a name.
func (k *Key) mac() hash.Hash { return hmac.New(sha256.New, k.names) }

// name is that of some texts, in their order.
func (k *Key) name(parts ...[]byte) string {
	h := k.mac()
	for _, p := range parts {
		fmt.Fprintf(h, "%d ", len(p))
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// seal encrypts a message.
func (k *Key) seal(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := age.Encrypt(&b, k.identity.Recipient())
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil { // which writes the rest
		return nil, err
	}
	return b.Bytes(), nil
}

// open decrypts a message that was sealed with the same key.
func (k *Key) open(sealed []byte) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), k.identity)
	if err != nil {
		return nil, err
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxContent+1))
	if err == nil && len(plain) > maxContent {
		err = fmt.Errorf("a message of more than %d bytes", maxContent)
	}
	return plain, err
}
