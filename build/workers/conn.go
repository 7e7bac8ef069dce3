package workers

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
)

// A Conn is a participant: a submitter, or a worker.
type Conn struct {
	options Options
	key     *Key
	nc      *nats.Conn
	js      jetstream.JetStream
	store

	ctx  context.Context         // until Close
	stop context.CancelCauseFunc // with why, where it is refused later

	mu      sync.Mutex // of what follows
	heard   map[string]Presence
	waiting map[string][]chan struct{} // for a result, by id
	warned  map[string]bool

	follow    sync.Mutex // of what follows
	following bool
}

// Connect reaches the server. A RefusedError is about what was asked for, or about this
// participant; others are the network's.
func Connect(ctx context.Context, o Options) (*Conn, error) {
	if o.Key == nil {
		return nil, &RefusedError{Why: "there is no key: expected what submitters and workers share"}
	}
	dial, err := o.dial()
	if err != nil {
		return nil, err
	}
	host, _ := os.Hostname()
	o.Name = cmp.Or(o.Name, fmt.Sprintf("%s:%d", host, os.Getpid()))
	o.Silence, o.protocol = cmp.Or(o.Silence, defaultSilence), cmp.Or(o.protocol, Protocol)
	c := &Conn{options: o, key: o.Key, heard: map[string]Presence{}, waiting: map[string][]chan struct{}{}, warned: map[string]bool{}}
	c.ctx, c.stop = context.WithCancelCause(context.Background())
	if c.nc, err = nats.Connect(o.URL, append(dial, c.watch()...)...); err != nil {
		c.stop(nil)
		return nil, refusal(o.server(), err)
	}
	if err := c.open(ctx); err != nil {
		c.Close()
		return nil, refusal(o.server(), err)
	}
	go c.renew()
	return c, nil
}

// server is where it is, without a password.
func (o *Options) server() string {
	u, err := url.Parse(o.URL)
	if err != nil {
		return "the server"
	}
	return u.Redacted()
}

// Close leaves the server.
func (c *Conn) Close() {
	c.stop(nil)
	c.nc.Close()
}

func (c *Conn) warn(format string, args ...any) {
	if c.options.Warn != nil && c.ctx.Err() == nil {
		c.options.Warn(fmt.Sprintf(format, args...))
	}
}

// watch has interruptions told; the connection comes back by itself.
func (c *Conn) watch() []nats.Option {
	return []nats.Option{
		nats.Name(c.options.Name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond), nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				c.warn("the connection to %s is interrupted: %v", c.options.server(), err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { c.warn("connected to %s again", c.options.server()) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { c.warn("%s: %v", c.options.server(), err) }),
	}
}

// dial gives what connects, and refuses what would show an embargoed patch or let
// anybody in.
func (o *Options) dial() ([]nats.Option, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls"}, u.Scheme) {
		return nil, &RefusedError{Why: fmt.Sprintf("%q: expected the URL of a NATS server, nats://127.0.0.1:4222 or tls://host:4222", o.URL)}
	}
	secure := u.Scheme == "tls" || o.CA != "" || o.Cert != ""
	if !loopback(u.Hostname()) {
		if !secure {
			return nil, &RefusedError{Why: u.Host + " is not this machine: expected TLS", Remedy: "give a tls:// URL, or --tls-ca"}
		}
		if o.Creds == "" {
			return nil, &RefusedError{Why: u.Host + " is not this machine: expected credentials", Remedy: "give --creds"}
		}
	}
	var list []nats.Option
	if secure {
		list = append(list, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	if o.CA != "" {
		list = append(list, nats.RootCAs(o.CA))
	}
	if (o.Cert == "") != (o.CertKey == "") {
		return nil, &RefusedError{Why: "a client's certificate and its private key belong together: expected both --tls-cert and --tls-key"}
	}
	if o.Cert != "" {
		list = append(list, nats.ClientCert(o.Cert, o.CertKey))
	}
	creds, err := o.credentials()
	return append(list, creds...), err
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// credentials are in one of three forms.
func (o *Options) credentials() ([]nats.Option, error) {
	if o.Creds == "" {
		return nil, nil
	}
	data, err := readSecret(o.Creds)
	if err != nil {
		return nil, err
	}
	if strings.Contains(string(data), "BEGIN NATS USER JWT") {
		return []nats.Option{nats.UserCredentials(o.Creds)}, nil
	}
	line, n, err := secretLine(o.Creds, "NATS credentials, an nkey seed, or user:password")
	if err != nil {
		return nil, err
	}
	if user, password, ok := strings.Cut(line, ":"); ok {
		return []nats.Option{nats.UserInfo(user, password)}, nil
	}
	pair, err := nkeys.FromSeed([]byte(line))
	if err != nil {
		return nil, &RefusedError{Why: fmt.Sprintf("%s: line %d: expected NATS credentials, an nkey seed, or user:password", o.Creds, n)}
	}
	public, err := pair.PublicKey()
	return []nats.Option{nats.Nkey(public, pair.Sign)}, err
}

// refusal tells a server that does not let this one in from one that is not there.
func refusal(server string, err error) error {
	var unknown *tls.CertificateVerificationError
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrPermissionViolation):
		return &RefusedError{Why: fmt.Sprintf("%s does not let this client in (%v)", server, err), Remedy: "give its credentials with --creds"}
	case errors.As(err, &unknown):
		return &RefusedError{Why: fmt.Sprintf("%s: %v", server, err), Remedy: "give the certificates that its own is signed by with --tls-ca"}
	case errors.Is(err, nats.ErrSecureConnRequired):
		return &RefusedError{Why: server + " wants TLS", Remedy: "give a tls:// URL"}
	case errors.Is(err, nats.ErrSecureConnWanted):
		return &RefusedError{Why: server + " has no TLS", Remedy: "give the server a certificate"}
	}
	return fmt.Errorf("%s: %w", server, err)
}

// open begins to take part.
func (c *Conn) open(ctx context.Context) (err error) {
	if c.js, err = jetstream.New(c.nc); err != nil {
		return err
	}
	c.store, err = c.furnish(ctx)
	if errors.Is(err, jetstream.ErrJetStreamNotEnabled) || errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) || errors.Is(err, nats.ErrNoResponders) {
		return &RefusedError{Why: c.options.server() + " has no JetStream for this account", Remedy: "start it with a store_dir, and give the account jetstream"}
	}
	if err != nil {
		return err
	}
	if _, err := c.nc.Subscribe(beatSubject, c.hear); err != nil {
		return err
	}
	return c.nc.Publish(rollSubject, nil)
}

// A store is what the server keeps, by name: what is made anew is found by it, too.
type store struct {
	tasks, results jetstream.Stream
	blobs          jetstream.ObjectStore
	signed         jetstream.KeyValue // the contract
}

// furnish agrees on the contract, and makes what is not there yet.
func (c *Conn) furnish(ctx context.Context) (s store, err error) {
	if s.signed, err = made(ctx, c.js.CreateKeyValue, c.js.CreateOrUpdateKeyValue, jetstream.KeyValueConfig{Bucket: contractKV, TTL: keepContract, Storage: jetstream.FileStorage}); err != nil {
		return s, err
	}
	if err := c.sign(ctx, s.signed); err != nil {
		return s, err
	}
	s.tasks, err = made(ctx, c.js.CreateStream, c.js.CreateOrUpdateStream, jetstream.StreamConfig{Name: tasksStream, Subjects: []string{taskSubject + ">"}, Retention: jetstream.WorkQueuePolicy,
		Storage: jetstream.FileStorage, MaxAge: keepResults})
	if err != nil {
		return s, err
	}
	s.results, err = made(ctx, c.js.CreateStream, c.js.CreateOrUpdateStream, jetstream.StreamConfig{Name: resultsStream, Subjects: []string{resultSubject + ">"}, Storage: jetstream.FileStorage,
		MaxAge: keepResults, AllowDirect: true})
	if err != nil {
		return s, err
	}
	s.blobs, err = made(ctx, c.js.CreateObjectStore, c.js.CreateOrUpdateObjectStore, jetstream.ObjectStoreConfig{Bucket: blobsBucket, TTL: keepBlobs, Storage: jetstream.FileStorage})
	return s, err
}

// made makes what the server keeps, and only has it changed where it is another: there
// are participants that use it.
func made[Config, T any](ctx context.Context, create, update func(context.Context, Config) (T, error), config Config) (T, error) {
	t, err := create(ctx, config)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) || errors.Is(err, jetstream.ErrBucketExists) {
		return update(ctx, config)
	}
	return t, err
}

// A contract is what all participants on a server have to have in common.
type contract struct {
	Protocol int    `json:"protocol"`
	Key      string `json:"key"` // Key.ID
}

const contractName = "contract"

// sign takes part in the contract, or makes it.
func (c *Conn) sign(ctx context.Context, signed jetstream.KeyValue) error {
	own := contract{c.options.protocol, c.key.ID()}
	data, err := json.Marshal(own)
	if err != nil {
		return err
	}
	_, err = signed.Create(ctx, contractName, data)
	if !errors.Is(err, jetstream.ErrKeyExists) {
		return err
	}
	entry, err := signed.Get(ctx, contractName)
	if err != nil {
		return err
	}
	var theirs contract
	if err := json.Unmarshal(entry.Value(), &theirs); err != nil {
		return fmt.Errorf("the contract on the server: %w", err)
	}
	switch {
	case theirs.Protocol != own.Protocol:
		return &RefusedError{Why: fmt.Sprintf("participants on %s speak protocol %d, this program speaks %d", c.options.server(), theirs.Protocol, own.Protocol),
			Remedy: fmt.Sprintf("use the same lpready everywhere; what is left of others on the server is forgotten after %v", keepContract)}
	case theirs.Key != own.Key:
		return &RefusedError{Why: fmt.Sprintf("this key is %s, that of the participants on %s is %s", own.Key, c.options.server(), theirs.Key),
			Remedy: fmt.Sprintf("use the same key everywhere; one that nobody uses any more is forgotten after %v", keepContract)}
	}
	_, err = signed.Update(ctx, contractName, data, entry.Revision())
	var failed *jetstream.APIError
	if errors.As(err, &failed) { // somebody else was quicker
		return nil
	}
	return err
}

// renew keeps the contract, and leaves where it is another's by now.
func (c *Conn) renew() {
	for tick := time.NewTicker(renewEvery); ; {
		select {
		case <-tick.C:
			one, cancel := context.WithTimeout(c.ctx, lookEvery)
			if err := c.sign(one, c.signed); errors.As(err, new(*RefusedError)) {
				c.stop(err)
			}
			cancel()
		case <-c.ctx.Done():
			tick.Stop()
			return
		}
	}
}

// say sends something to whoever listens now.
func (c *Conn) say(subject string, v any) {
	data, err := c.key.sealFor(subject, v)
	if err == nil {
		c.nc.Publish(subject, data) // what gets lost comes again, or does not count
	}
}

// hear notes that a worker is there.
func (c *Conn) hear(m *nats.Msg) {
	var p Presence
	if c.key.openFor(beatSubject, m.Data, &p) != nil {
		return
	}
	p.Heard = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard[p.Name] = p
}

// Workers are those that were heard of late, by name.
func (c *Conn) Workers() (list []Presence) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, p := range c.heard {
		if time.Since(p.Heard) > 3*beatEvery {
			delete(c.heard, name)
			continue
		}
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Presence) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// again tries what needs the server until it is done or cannot be.
func (c *Conn) again(ctx context.Context, try func(context.Context) error) error {
	wait := 100 * time.Millisecond
	for {
		one, cancel := context.WithTimeout(ctx, answerIn)
		err := try(one)
		if gone(err) { // the server may have lost its store
			if _, refused := c.furnish(one); final(refused) {
				err = refused
			}
		}
		cancel()
		if err == nil || hopeless(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-c.ctx.Done():
			return errors.Join(context.Cause(c.ctx), err)
		case <-time.After(wait):
			wait = min(2*wait, 5*time.Second)
		}
	}
}

// gone tells whether what was asked for is not on the server, or the server not ready.
func gone(err error) bool {
	return errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrStreamNotFound) || errors.Is(err, jetstream.ErrNoStreamResponse)
}

// hopeless tells whether it is of no use to try again.
func hopeless(err error) bool {
	var refused *jetstream.APIError
	return final(err) || errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrMaxPayload) || errors.As(err, &refused) && refused.Code == http.StatusBadRequest
}
