// Package workers hands out tasks to other machines over NATS JetStream, and brings
// back what came of them. It knows nothing of what a task is about.
//
// A task is a message of a work queue: it stays until a worker has given its result, and
// goes to another worker where one says nothing for a while. The first result counts; a
// second is refused by the server, so that no task is finished twice. What a task asks
// of a machine (Need) is a part of its subject: a worker only listens to what it can
// serve. What is too large for a message lies in an object store, under a name that
// follows from its content, and is stored once.
//
// All that the server sees of tasks, results, stored things, progress and presence is
// encrypted with a key that submitters and workers share (age, X25519); names are HMACs
// under the same key, so that they tell nothing, either. The server can lose, delay and
// repeat messages, and see their number and size; it cannot read or forge them, nor pass
// one off as another, since each says inside for which subject it is. Whoever has its
// credentials can disturb a run, but not learn from it. It can show a worker that is gone.
//
// The formats are those of NATS (docs.nats.io, JetStream) and of age (age-encryption.org/v1).
package workers

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Protocol is the version of all that is sent. Participants of another are refused.
const Protocol = 1

// Names on the server.
const (
	tasksStream   = "LPREADY_TASKS"
	resultsStream = "LPREADY_RESULTS"
	blobsBucket   = "LPREADY_BLOBS"
	contractKV    = "LPREADY_CONTRACT"

	taskSubject   = "lpready.task."   // and label.class.id
	resultSubject = "lpready.result." // and id
	saySubject    = "lpready.say."    // and id
	beatSubject   = "lpready.beat"
	rollSubject   = "lpready.roll"
)

// Times and sizes.
const (
	defaultSilence = 30 * time.Second
	beatEvery      = 5 * time.Second
	patience       = 20 * time.Second // until it is said that nobody serves a task
	lookEvery      = 10 * time.Second // for a result that was not told
	renewEvery     = time.Minute      // the contract
	answerIn       = 3 * time.Second  // a server that was killed never answers; asked again it does
	keepResults    = 24 * time.Hour
	keepBlobs      = 7 * 24 * time.Hour
	keepContract   = time.Hour
	deliveries     = 5         // of a task, to workers that do not finish it
	inline         = 256 << 10 // bytes; what is larger is stored
	maxContent     = 64 << 20  // bytes of a task or a result
)

// Options say how to reach the server.
type Options struct {
	URL               string
	Creds             string        // file: NATS credentials, an nkey seed, or user:password; none is needed where the server is on this machine
	CA, Cert, CertKey string        // PEM files, for TLS
	Key               *Key          // what submitters and workers share
	Name              string        // of this process; "host:pid" if empty
	Silence           time.Duration // how long a worker may say nothing before its task goes to another; 0 is 30 s
	Warn              func(string)  // told, in a line, what a person should know; may be nil

	protocol int // for tests; 0 is Protocol
}

// A RefusedError is what this side or the other does not take: it will not do to try
// again.
type RefusedError struct{ Why, Remedy string }

func (e *RefusedError) Error() string {
	if e.Remedy == "" {
		return e.Why
	}
	return e.Why + ": " + e.Remedy
}

// A finalError will be the same however often one tries: it is not the connection's.
type finalError struct{ error }

func (e finalError) Unwrap() error { return e.error }

func final(err error) bool {
	return errors.As(err, &finalError{}) || errors.As(err, new(*RefusedError))
}

// A LostError is a task that no worker finished.
type LostError struct {
	Deliveries int
	Last       string // what the last worker said of it
}

func (e *LostError) Error() string {
	text := fmt.Sprintf("given to %d workers, none finished it", e.Deliveries)
	if e.Last != "" {
		text += "; the last one: " + e.Last
	}
	return text
}

// A Need is what a task asks of a machine. Texts have to be the same.
type Need struct {
	Compiler, Arch, Tool string
	Memory               int64 // bytes; of an offer, the most there is, 0 is no limit
}

func (n Need) String() string {
	var parts []string
	for _, part := range []string{n.Compiler, n.Arch, n.Tool} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if n.Memory > 0 {
		parts = append(parts, fmt.Sprintf("%.1f GiB", float64(n.Memory)/(1<<30)))
	}
	return strings.Join(parts, ", ")
}

// A Presence is a worker that was heard.
type Presence struct {
	Name, Host  string
	Offers      []Need
	Slots, Busy int
	Heard       time.Time
}

// serves tells whether an offer serves a need.
func serves(offers []Need, n Need) bool {
	for _, o := range offers {
		if o.label() == n.label() && n.class() < o.reach() {
			return true
		}
	}
	return false
}

// An envelope carries a task, a result, or what a worker says.
type envelope struct {
	Content    []byte // or
	Stored     string // under this name
	Who        string // gave the result
	Failed     string // of a result: no worker finished the task
	Deliveries int
}

// sealFor encrypts what is for one subject.
func (k *Key) sealFor(subject string, v any) ([]byte, error) {
	data, err := encode(v)
	if err != nil {
		return nil, err
	}
	return k.seal(slices.Concat([]byte(subject), []byte{0}, data))
}

// openFor reads what sealFor made, and refuses what was for another subject: the server
// could give one task's result for another's.
func (k *Key) openFor(subject string, sealed []byte, v any) error {
	plain, err := k.open(sealed)
	if err != nil {
		return err
	}
	found, data, _ := bytes.Cut(plain, []byte{0})
	if string(found) != subject {
		return fmt.Errorf("a message for %.80q, expected one for %q", found, subject)
	}
	return decode(data, v)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

// decode reads what encode wrote. The bytes were authenticated before.
func decode(data []byte, v any) error {
	if len(data) > maxContent {
		return fmt.Errorf("%d bytes, expected at most %d", len(data), maxContent)
	}
	return gob.NewDecoder(bytes.NewReader(data)).Decode(v)
}
