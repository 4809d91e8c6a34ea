package supervisor

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ringfence/sidecar/notify"
)

// limit is long enough for any machine.
const limit = time.Minute

// Watchdogs: patience never kills, for no machine is that busy; short kills who
// is silent, and hardly ever who is not.
const (
	patience = limit
	short    = 3 * time.Second
)

// play is a supervisor in a process of its own, and what it and its children
// write.
type play struct {
	*testing.T
	cmd   *exec.Cmd
	lines chan string
	seen  []string
	ended chan struct{}
}

// supervised starts a supervisor whose children play the parts.
func supervised(t *testing.T, watchdog time.Duration, parts ...string) *play {
	t.Helper()
	return supervisedIn(t, nil, watchdog, parts...)
}

// supervisedIn is the same with more in the environment.
func supervisedIn(t *testing.T, env []string, watchdog time.Duration, parts ...string) *play {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p := &play{T: t, lines: make(chan string, 4096), ended: make(chan struct{})}
	p.cmd = exec.Command(os.Args[0], append([]string{"supervisor:" + watchdog.String()}, parts...)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = w, w, append(os.Environ(), env...)
	p.cmd.SysProcAttr = &unix.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	var running sync.WaitGroup
	running.Go(func() {
		defer close(p.lines) // when the last process that could write is gone
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	})
	running.Go(func() {
		_ = p.cmd.Wait()
		close(p.ended)
	})
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		running.Wait()
		_ = r.Close()
		if t.Failed() {
			t.Logf("written:\n%s", strings.Join(p.seen, "\n"))
		}
	})
	return p
}

// await reads on to the line that matches, and returns its groups.
func (p *play) await(pattern string) []string {
	p.Helper()
	want := regexp.MustCompile(pattern)
	late := time.After(limit)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				p.Fatalf("all have ended and nobody wrote %q", pattern)
			}
			p.seen = append(p.seen, line)
			if m := want.FindStringSubmatch(line); m != nil {
				return m[1:]
			}
		case <-late:
			p.Fatalf("nobody wrote %q", pattern)
		}
	}
}

func (p *play) signal(s unix.Signal) {
	p.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.Fatal(err)
	}
}

// exits waits for the end of the supervisor and of all its children.
func (p *play) exits(code int) {
	p.Helper()
	late := time.After(limit)
	for {
		select {
		case line, ok := <-p.lines:
			if ok {
				p.seen = append(p.seen, line)
				continue
			}
		case <-late:
			p.Fatal("a process has not ended")
		}
		break
	}
	<-p.ended
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.Errorf("exit code %d, want %d", got, code)
	}
}

// A child that misses its beat is killed, at once also when it is stopped, and
// the next one knows.
func TestSilentChildIsKilled(t *testing.T) {
	for _, part := range []string{"mute", "forged"} {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			p := supervised(t, short, part, "beat")
			pid := p.await(`^(\d+) plays .*: hung 0, ended 0, watchdog 3s, <nil>`)[0]
			p.await(`missed its beat and was killed" pid=` + pid + ` silent=3s`)
			p.await(`started again" pid=` + pid + ` ended="signal SIGKILL" hung=true next_start=0s`)
			p.await(`plays beat: hung 1, ended 0`)
			p.await("is ready")
			p.signal(unix.SIGTERM)
			p.exits(0)
		})
	}
}

func TestStoppedChildIsKilled(t *testing.T) {
	t.Parallel()
	p := supervised(t, short, "beat")
	pid, _ := strconv.Atoi(p.await(`^(\d+) is ready`)[0])
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.await(`missed its beat and was killed" pid=` + strconv.Itoa(pid))
	p.await(`plays beat: hung 1, ended 0`)
	p.await("is ready")
	p.signal(unix.SIGINT)
	p.await("got interrupt")
	p.exits(0)
}

// One that beats is left alone, and gets the signals.
func TestSignals(t *testing.T) {
	t.Parallel()
	p := supervised(t, patience, "beat")
	pid := p.await(`^(\d+) is ready`)[0]
	p.signal(unix.SIGHUP)
	p.await(pid + " got hangup")
	p.signal(unix.SIGHUP)
	p.await(pid + " got hangup")
	p.signal(unix.SIGTERM)
	p.await(pid + " got terminated")
	p.exits(0)
}

// A stop that hangs ends, too, and is no clean one.
func TestHungStop(t *testing.T) {
	t.Parallel()
	p := supervised(t, short, "stubborn")
	p.await("is ready")
	p.signal(unix.SIGTERM)
	p.await("got terminated")
	p.await("missed its beat and was killed")
	p.exits(128 + int(unix.SIGKILL))
}

// What cannot start is not tried again: its exit code tells.
func TestStartFails(t *testing.T) {
	t.Parallel()
	p := supervised(t, patience, "unready", "beat")
	p.exits(7)
	if n := strings.Count(strings.Join(p.seen, "\n"), "plays"); n != 1 {
		t.Errorf("%d starts, want 1", n)
	}
}

// One that was ready and cannot start again is tried with growing pauses.
func TestPauses(t *testing.T) {
	t.Parallel()
	p := supervised(t, patience, "crash", "unready", "crash", "unready", "crash", "beat")
	for i, want := range []string{
		`ended="exit code 3" hung=false next_start=0s`,
		`ended="exit code 7" hung=false next_start=1ms`,
		`ended="exit code 3" hung=false next_start=2ms`,
		`ended="exit code 7" hung=false next_start=4ms`,
		`ended="exit code 3" hung=false next_start=4ms`,
	} {
		p.await(`: hung 0, ended ` + strconv.Itoa(i))
		p.await(want)
	}
	p.await(`plays beat: hung 0, ended 5`)
	p.await("is ready")
	p.signal(unix.SIGTERM)
	p.exits(0)
}

// No child outlives its supervisor, whatever state either is in.
func TestSupervisorIsKilled(t *testing.T) {
	t.Parallel()
	for _, stop := range []bool{false, true} {
		p := supervised(t, patience, "beat")
		pid, _ := strconv.Atoi(p.await(`^(\d+) is ready`)[0])
		if stop {
			if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		p.signal(unix.SIGKILL)
		p.exits(-1) // by a signal
	}
}

// Orphans are taken off the kernel's hands.
func TestOrphans(t *testing.T) {
	t.Parallel()
	p := supervised(t, patience, "orphans")
	pid, _ := strconv.Atoi(p.await(`^(\d+) is an orphan`)[0])
	for end := time.Now().Add(limit); unix.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("process %d is still there", pid)
		}
	}
	p.signal(unix.SIGTERM)
	p.exits(0)
}

// The supervisor's own service manager sees one service that goes on, and no
// child that stops.
func TestOuterServiceManager(t *testing.T) {
	t.Parallel()
	address := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan string, 4096)
	var reading sync.WaitGroup
	reading.Go(func() {
		b := make([]byte, 256)
		for {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			told <- string(b[:n])
		}
	})
	t.Cleanup(func() {
		_ = c.Close()
		reading.Wait()
	})
	beats := 0
	wants := func(all ...string) {
		t.Helper()
		late := time.After(limit)
		for _, want := range all {
			for got := notify.Beat; got == notify.Beat || got == starting; beats++ {
				select {
				case got = <-told:
				case <-late:
					t.Fatalf("nobody told %q", want)
				}
				if got != notify.Beat && got != starting && got != want {
					t.Fatalf("told %q, want %q", got, want)
				}
			}
		}
	}
	p := supervisedIn(t, []string{notify.SocketVariable + "=" + address, notify.IntervalVariable + "=1000000"}, patience, "crash", "beat")
	wants(notify.Ready, notify.Ready)
	p.await("is ready")
	p.signal(unix.SIGHUP)
	wants(notify.Reloading, notify.Ready)
	p.signal(unix.SIGTERM)
	wants(notify.Stopping)
	p.exits(0)
	if beats == 0 {
		t.Error("it never beat")
	}
}

// A log that nobody reads stops nothing.
func TestBacklogDoesNotWait(t *testing.T) {
	r, w := io.Pipe()
	b := newBacklog(w)
	for range 1000 {
		if n, err := b.Write([]byte("line\n")); n != 5 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
	}
	_ = r.Close()
	b.close()
}

func TestTold(t *testing.T) {
	if r := Told(); r != nil {
		t.Errorf("told %+v by nobody", *r)
	}
	want := Restarts{Hung: 3, Ended: 4}
	for _, e := range want.environment("@x", time.Second) {
		if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "RINGFENCE_") {
			t.Setenv(name, value)
		}
	}
	if r := Told(); r == nil || *r != want {
		t.Errorf("told %v, want %v", r, want)
	}
}
