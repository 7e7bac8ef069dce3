package workers

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// ServerOptions say how a server of our own listens.
type ServerOptions struct {
	Listen          string // host:port; port 0 is any
	Dir             string // for what is queued and stored
	TLSCert, TLSKey string // PEM files
	User, Password  string // that clients must have
}

// A Server is a NATS server with JetStream in this process, for one machine or a few.
type Server struct{ s *server.Server }

// StartServer starts one. Without TLS and a password it only listens on this machine.
func StartServer(o ServerOptions) (*Server, error) {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, &RefusedError{Why: fmt.Sprintf("%q: expected an address and a port, 127.0.0.1:4222", o.Listen)}
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 0 || number > 65535 {
		return nil, &RefusedError{Why: fmt.Sprintf("%q: expected a number for the port", o.Listen)}
	}
	if (o.User == "") != (o.Password == "") { // the engine would let anybody in
		return nil, &RefusedError{Why: "a user and a password belong together: expected both"}
	}
	if !loopback(host) && (o.TLSCert == "" || o.Password == "") {
		return nil, &RefusedError{Why: fmt.Sprintf("%s is not only this machine: expected TLS and a password", o.Listen), Remedy: "give --tls-cert, --tls-key and --creds"}
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, err
	}
	opts := &server.Options{Host: host, Port: number, JetStream: true, StoreDir: o.Dir, NoSigs: true, NoLog: true, Username: o.User, Password: o.Password}
	if o.TLSCert != "" {
		pair, err := tls.LoadX509KeyPair(o.TLSCert, o.TLSKey)
		if err != nil {
			return nil, &RefusedError{Why: fmt.Sprintf("%s, %s: %v", o.TLSCert, o.TLSKey, err)}
		}
		opts.TLSConfig, opts.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}, true
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		s.Shutdown()
		return nil, errors.New("the NATS server does not listen: is another on " + o.Listen + "?")
	}
	return &Server{s}, nil
}

// URL is where it listens.
func (s *Server) URL() string { return s.s.ClientURL() }

// Memory is what its process takes, in bytes.
func (s *Server) Memory() (int64, error) {
	v, err := s.s.Varz(nil)
	if err != nil {
		return 0, err
	}
	return v.Mem, nil
}

// Close stops it. What is stored stays.
func (s *Server) Close() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
