package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"lpready/build"
	"lpready/build/lpbt"
	"lpready/build/workers"
)

// A queue is how a command reaches the server that hands out work.
type queue struct {
	options workers.Options
	key     string
}

func addQueue(cmd *cobra.Command, q *queue) {
	f := cmd.Flags()
	f.StringVar(&q.options.URL, "nats", "", "hand out work by this NATS server with JetStream (`URL`: nats://127.0.0.1:4222, tls://host:4222)")
	f.StringVar(&q.options.Creds, "creds", "", "who this is to the server: NATS credentials, an nkey seed, or user:password (`file`)")
	f.StringVar(&q.options.CA, "tls-ca", "", "certificates that the server's is signed by (PEM `file`)")
	f.StringVar(&q.options.Cert, "tls-cert", "", "certificate of this client (PEM `file`)")
	f.StringVar(&q.options.CertKey, "tls-key", "", "its private key (PEM `file`)")
	f.StringVar(&q.key, "key", "", "the secret that submitters and workers share, made by lpready worker key (`file`)")
	must(cmd.RegisterFlagCompletionFunc("nats", cobra.NoFileCompletions))
}

// connect refuses what is not safe, and reaches the server.
func (q *queue) connect(ctx context.Context, a *app) (*workers.Conn, error) {
	if q.key == "" {
		return nil, inputf("--nats needs --key: patches and payloads are only stored encrypted; lpready worker key makes one")
	}
	o := q.options
	var err error
	if o.Key, err = workers.ReadKey(q.key); err != nil {
		return nil, openError(err)
	}
	o.Warn = func(text string) { a.remark("%s", text) }
	conn, err := workers.Connect(ctx, o)
	return conn, queueError(err)
}

// queueError tells a server that refuses from one that is not there.
func queueError(err error) error {
	var refused *workers.RefusedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return input(err)
	}
	return machine(err)
}

// A workerJob is a worker of one machine.
type workerJob struct {
	app    *app
	queue  queue
	tool   string
	work   string
	cross  string
	jobs   int
	memory size
	arch   []string
}

func newWorker(a *app) *cobra.Command {
	w := &workerJob{app: a}
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Compile and build for lpready build --nats on other machines",
		Long: `Take cells from the queue of a NATS server, compile them before and after, have
livepatch-build-tools make their payloads, and give back what came of it. A worker
serves every run of the server whose compiler, tool and lpready it has, until it is
stopped; what it was doing then goes to another. Compiled bases stay in the cache
folder; patches and payloads do not stay.

Anything but a server on this machine needs TLS and credentials, and everything that
the server keeps is encrypted with the key.

Exit codes: 0 it was stopped, 2 usage, or it was refused, 3 the machine or the server.`,
		Example: `  lpready worker key -o lpready.key
  lpready worker serve --listen 127.0.0.1:4222 --store queue
  lpready worker --nats nats://127.0.0.1:4222 --key lpready.key --lpbt ~/livepatch-build-tools
  lpready worker --nats tls://queue.example:4222 --creds w.creds --tls-ca ca.pem --key lpready.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return w.run(cmd.Context()) },
	}
	addQueue(cmd, &w.queue)
	f := cmd.Flags()
	f.StringVar(&w.tool, "lpbt", "", "`folder` of livepatch-build-tools (default: found in PATH)")
	f.StringVar(&w.work, "work", "lpready-worker", "`folder` for what is of no use after a task; each worker needs one of its own")
	f.StringVar(&w.cross, "cross", "", "`prefix` of the compiler and binutils, such as aarch64-linux-gnu-")
	f.IntVarP(&w.jobs, "jobs", "j", 0, "compilers at once (`number`; default: one for each processor)")
	f.Var(&w.memory, "memory", "how much memory all that runs may need, such as 8G: less runs at once (default no limit)")
	f.StringSliceVar(&w.arch, "arch", []string{"x86_64"}, "architectures that are built for")
	must(cmd.MarkFlagDirname("lpbt"))
	must(cmd.MarkFlagDirname("work"))
	for _, name := range []string{"cross", "memory", "arch"} {
		must(cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions))
	}
	cmd.AddCommand(newWorkerKey(a), newWorkerServe(a))
	return cmd
}

func (w *workerJob) run(ctx context.Context) error {
	if w.queue.options.URL == "" {
		return inputf("expected --nats, the server that hands out work")
	}
	cache := (&job{app: w.app}).cache()
	if cache == "" {
		return inputf("a compiled base is kept in the cache folder: expected HOME or XDG_CACHE_HOME to be set")
	}
	conn, err := w.queue.connect(ctx, w.app)
	if err != nil {
		return err
	}
	defer conn.Close()
	tool, err := lpbt.Find(ctx, w.tool)
	if err != nil {
		return toolError(err)
	}
	work, err := filepath.Abs(w.work)
	if err != nil {
		return input(err)
	}
	worker := &build.Worker{Conn: conn, Tool: tool, Version: programDigest(), Work: work, Cache: cache, Cross: w.cross, Jobs: w.jobs, Memory: int64(w.memory),
		Arch: w.arch}
	w.app.remark("this worker serves %s; stop it with Ctrl-C", w.queue.options.URL)
	if err := worker.Serve(ctx); !errors.Is(err, build.ErrBusy) {
		return queueError(err)
	}
	return inputf("another worker works in %s: give this one a folder of its own with --work", w.work)
}

func newWorkerKey(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:     "key",
		Short:   "Make the secret that submitters and workers share",
		Long:    "Make a new key, and write it into a file that only its owner can read. A file that is\nthere already is not touched.",
		Example: "  lpready worker key -o lpready.key",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			key, err := workers.NewKey()
			if err != nil {
				return machine(err)
			}
			f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
			if errors.Is(err, fs.ErrExist) {
				return inputf("%s is there already: expected the name of a new file", file)
			}
			if err != nil {
				return openError(err)
			}
			_, err = fmt.Fprintf(f, "# key of lpready's workers, made %s\n%s\n", a.Now().UTC().Format(time.DateOnly), key)
			if err := errors.Join(err, f.Close()); err != nil {
				return machine(err)
			}
			a.remark("%s: key %s; copy it to every machine by a way that nobody else can read", file, key.ID())
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "lpready.key", "the `file`")
	return cmd
}

func newWorkerServe(a *app) *cobra.Command {
	var o workers.ServerOptions
	var creds string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run a NATS server for a submitter and a few workers",
		Long: `Run the server that hands out work, for one machine or a few. Without a certificate
and credentials it only listens on this machine. A cluster with accounts is
nats-server's own: see the guide to workers.`,
		Example: `  lpready worker serve --listen 127.0.0.1:4222 --store queue
  lpready worker serve --listen 0.0.0.0:4222 --tls-cert s.pem --tls-key s.key --creds q.creds`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.User, o.Password, err = workers.ReadPassword(creds); err != nil {
				return openError(err)
			}
			server, err := workers.StartServer(o)
			if err != nil {
				return queueError(err)
			}
			defer server.Close()
			a.remark("serving at %s; stop it with Ctrl-C", server.URL())
			<-cmd.Context().Done()
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Listen, "listen", "127.0.0.1:4222", "`address` and port")
	f.StringVar(&o.Dir, "store", "lpready-queue", "`folder` for what is queued and stored, encrypted")
	f.StringVar(&o.TLSCert, "tls-cert", "", "certificate of the server (PEM `file`)")
	f.StringVar(&o.TLSKey, "tls-key", "", "its private key (PEM `file`)")
	f.StringVar(&creds, "creds", "", "user:password that clients must have (`file`)")
	must(cmd.MarkFlagDirname("store"))
	must(cmd.RegisterFlagCompletionFunc("listen", cobra.NoFileCompletions))
	return cmd
}

// checkQueue refuses flags that do not go together.
func (b *buildJob) checkQueue() error {
	switch {
	case b.queue.options.URL == "" && cmp.Or(b.queue.key, b.queue.options.Creds) != "":
		return inputf("--key and --creds are for --nats: expected the server")
	case b.queue.options.URL != "" && b.mode.value != build.Shared:
		return inputf("workers compile what the tool compares: expected --mode shared with --nats")
	}
	return nil
}

// submit connects a build with its workers, if it is to have any.
func (b *buildJob) submit(ctx context.Context, r *build.Request) (leave func(), err error) {
	if b.queue.options.URL == "" {
		return func() {}, nil
	}
	if r.Workers, err = b.queue.connect(ctx, b.app); err != nil {
		return nil, err
	}
	return r.Workers.Close, nil
}
