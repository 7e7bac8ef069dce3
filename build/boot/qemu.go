package boot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"lpready/build/internal/run"
)

// Limits are those of one boot. The zero value means the defaults.
type Limits struct {
	Time     time.Duration // of the whole boot; 10 minutes with a guest, else 4
	Silence  time.Duration // without a word on any console; 2 minutes with a guest, else 1
	LogBytes int64         // of the consoles together; 4 MiB
}

func (l Limits) orDefaults(guest bool) Limits {
	d := Limits{Time: 4 * time.Minute, Silence: time.Minute, LogBytes: 4 << 20}
	if guest {
		d.Time, d.Silence = 10*time.Minute, 2*time.Minute
	}
	return Limits{cmp.Or(l.Time, d.Time), cmp.Or(l.Silence, d.Silence), cmp.Or(l.LogBytes, d.LogBytes)}
}

// A shape is the machine that QEMU makes.
type shape struct {
	cpu    string
	cpus   int
	memory int // MB
	dom0   int // MB of it
}

// shapeOf is a machine that is large enough, and no larger. A PV dom0 does not start
// under QEMU on a processor with SMAP. With two processors the processors have to meet
// before a payload is applied, as on a real host; with a guest under emulation they do
// not in time. With XSAVE, registers of dom0's programs get lost under QEMU 7.2 while a
// guest runs beside it: a program that unpacks a kernel then finds it damaged.
func shapeOf(guest bool) shape {
	if guest {
		return shape{cpu: "max,-smap,-rdtscp,-xsave", cpus: 1, memory: 1536, dom0: 768}
	}
	return shape{cpu: "qemu64", cpus: 2, memory: 768, dom0: 384}
}

// qemuOwn is what QEMU needs besides the memory of the machine, in MB.
const qemuOwn = 160

// Memory is what one boot needs at most, in MB: a bound, of which Debian's Xen touches
// about half.
func Memory(guest bool) int { return shapeOf(guest).memory + qemuOwn }

// Program is what a boot runs.
const Program = "qemu-system-x86_64"

// Names of the files in the folder of one boot.
const (
	xenFile     = "xen"
	kernelFile  = "vmlinuz"
	initrdFile  = "initrd.img"
	consoleFile = "console.log"
	outputFile  = "steps.log"
)

// exitPort has QEMU end with exit code 2n+1 when init.sh writes n to it.
const exitPort, exitDone = 0xf4, 1

func (s shape) arguments(ran *tracer) []string {
	args := []string{"-M", "q35", "-accel", "tcg,thread=multi", "-cpu", s.cpu, "-smp", strconv.Itoa(s.cpus), "-m", strconv.Itoa(s.memory),
		"-nodefaults", "-no-user-config", "-net", "none", "-display", "none", "-monitor", "none", "-no-reboot",
		"-serial", "file:" + consoleFile, "-serial", "file:" + outputFile,
		"-device", fmt.Sprintf("isa-debug-exit,iobase=%#x,iosize=0x04", exitPort),
		"-kernel", xenFile,
		"-append", fmt.Sprintf("console=com1 com1=115200,8n1 dom0_mem=%dM dom0_max_vcpus=1 dom0_vcpus_pin loglvl=all guest_loglvl=all no-bootscrub", s.dom0),
		"-initrd", kernelFile + " console=hvc0 panic=1 quiet 8250.nr_uarts=4," + initrdFile}
	if ran != nil {
		args = append(args, "-d", "exec", "-dfilter", ran.filter(), "-D", "/dev/stdout")
	}
	return args
}

// An end is how a boot ended.
type end string

const (
	endDone    end = "done"    // the script came to its end
	endReset   end = "reset"   // the machine was reset or switched off: a crash, where nobody asked for it
	endTime    end = "time"    // over the limit of time
	endSilence end = "silence" // nothing was said for too long
	endLog     end = "log"     // too much was said
)

var (
	errPanic   = errors.New("the hypervisor is about to restart")
	errSilence = errors.New("silent for too long")
	errLog     = errors.New("more on the consoles than the limit")
)

// A booted is what a boot left behind.
type booted struct {
	end     end
	console []byte // Xen and the dom0 kernel
	output  []byte // init.sh
	took    time.Duration
}

// start runs QEMU in a folder of its own until it ends or reaches a limit. Reaching a
// limit is a result; errors are the machine's.
func start(ctx context.Context, dir string, s shape, l Limits, ran *tracer) (*booted, error) {
	cmd := run.Cmd{Name: Program, Args: s.arguments(ran), Dir: dir, Timeout: l.Time,
		Hint: "install qemu-system-x86 (Debian) or qemu-system-x86-core (Fedora)"}
	if ran != nil {
		cmd.Stdout = ran
	}
	watched, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	go watch(watched, stop, dir, l)
	res, err := cmd.Run(watched)
	b := &booted{took: res.Elapsed}
	var readErr error
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{consoleFile, &b.console}, {outputFile, &b.output}} {
		if *f.to, readErr = readLog(filepath.Join(dir, f.name), l.LogBytes); readErr != nil && err == nil {
			return nil, readErr
		}
	}
	var exit *run.ExitError
	switch cause := context.Cause(watched); {
	case err == nil:
		b.end = endReset
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(cause, errPanic):
		b.end = endReset
	case errors.Is(cause, errSilence):
		b.end = endSilence
	case errors.Is(cause, errLog):
		b.end = endLog
	case errors.Is(err, run.ErrTimeout):
		b.end = endTime
	case errors.As(err, &exit) && exit.Code == exitDone && readTranscript(b.output).done:
		b.end = endDone
	default:
		return nil, err
	}
	return b, nil
}

// lastWordsForm is what Xen says before it restarts or stops after a panic, for which
// there is no need to wait: see panic() and machine_restart() of Xen.
var lastWordsForm = regexp.MustCompile(`(?m)^\(XEN\).* (Reboot in five seconds\.\.\.|Manual reset required)`)

// watch stops a boot that is over, says too much or nothing for too long.
func watch(ctx context.Context, stop context.CancelCauseFunc, dir string, l Limits) {
	const every = 200 * time.Millisecond
	tick := time.NewTicker(every)
	defer tick.Stop()
	last, size := time.Now(), int64(0)
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			total := int64(0)
			for _, name := range []string{consoleFile, outputFile} {
				if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
					total += info.Size()
				}
			}
			switch {
			case total > l.LogBytes:
				stop(errLog)
			case total != size && panicked(filepath.Join(dir, consoleFile)):
				stop(errPanic)
			case total != size:
				last, size = now, total
			case now.Sub(last) > l.Silence:
				stop(errSilence)
			}
		}
	}
}

// panicked looks at the end of a console.
func panicked(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	const most = 4096
	if info, err := f.Stat(); err == nil && info.Size() > most {
		f.Seek(-most, io.SeekEnd) // else it reads from the start, and sees less
	}
	tail, err := io.ReadAll(io.LimitReader(f, most))
	return err == nil && lastWordsForm.Match(tail)
}

// readLog reads a console, up to twice the limit of all.
func readLog(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 2*most))
}
