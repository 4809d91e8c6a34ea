package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ringfence/sidecar/notify"
)

// Run starts the child and keeps it running. It returns when the child has
// stopped as it was told to by SIGTERM or SIGINT, or ended before it was ever
// ready: code is what this process should exit with. It takes the whole
// process: its signals, and every child that the kernel gives it.
//
// One goroutine does everything and waits for nothing that a child could hold
// up. It stays on one thread, for the child dies with the thread that started
// it (PR_SET_PDEATHSIG): none outlives its supervisor, not even a stopped one.
func Run(o Options) (code int, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s := &supervisor{Options: o.withDefaults(), outer: notify.NewSender()}
	defer s.outer.Close()
	if s.outerWatchdog, err = notify.Watchdog(); err != nil {
		return 1, err
	}
	s.period = min(s.Watchdog/steps, often)
	if s.outerWatchdog > 0 {
		s.period = min(s.period, s.outerWatchdog/steps)
	}
	if s.socket, err = listen(); err != nil {
		return 1, err
	}
	defer s.socket.close()
	lines := newBacklog(s.Log)
	defer lines.close()
	s.log = lines.logger()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGCHLD)
	defer signal.Stop(signals)
	return s.run(signals)
}

// supervisor is what one Run knows.
type supervisor struct {
	Options
	socket *socket
	log    *slog.Logger
	period time.Duration // between two looks at the child

	outer         *notify.Sender // to the service manager of this process, if it has one
	outerWatchdog time.Duration  // after which it kills this process; 0: never
	outerSilent   time.Duration  // since this process's last beat
	outerDeaf     bool           // it did not take the last message

	pid    int           // of the child; 0: none runs
	beaten bool          // the child has told that it lives
	ready  time.Time     // when it first was; zero: not yet
	silent time.Duration // since its last beat
	killed bool          // for its silence; it is not gone yet

	restarts Restarts
	once     bool // a child was ready
	stopping bool
	pause    time.Duration    // before the start after next
	next     <-chan time.Time // the next start; nil: none is due
}

func (s *supervisor) run(signals <-chan os.Signal) (code int, err error) {
	if err := s.start(); err != nil {
		return 1, err
	}
	tick := time.NewTicker(s.period)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.look()
		case got := <-signals:
			s.obey(got.(syscall.Signal))
		case <-s.next:
			if err := s.start(); err != nil {
				s.log.Error("ringfence cannot be started", "err", err, "next_start", s.later().String())
			}
		}
		if status, ok := s.reap(); ok {
			if code, over := s.ended(status); over {
				return code, nil
			}
		}
		if s.stopping && s.pid == 0 {
			return 0, nil
		}
	}
}

// start starts a child, in a process group of its own: the Ctrl-C of a terminal
// goes to this process alone, which hands it on once.
func (s *supervisor) start() error {
	s.next, s.beaten, s.ready, s.silent, s.killed = nil, false, time.Time{}, 0, false
	s.socket.drain(func(int, string) {}) // what the one before has left
	var err error
	s.pid, err = syscall.ForkExec(s.Program, s.Arguments, &syscall.ProcAttr{
		Env:   s.restarts.environment(s.socket.address, s.Watchdog),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL},
	})
	if err != nil {
		s.pid = 0
		return fmt.Errorf("%s: %w", s.Program, err)
	}
	return nil
}

// look hears what the child has said, and kills it when it was silent for too
// long. However late the look is, it counts for one period: when this process
// had no turn, the child may have had none either.
func (s *supervisor) look() {
	if s.outerSilent += s.period; s.outerWatchdog > 0 && s.outerSilent >= s.outerWatchdog/4 {
		s.outerSilent = 0
		s.tell(notify.Beat)
	}
	if s.pid == 0 || s.killed {
		return
	}
	s.silent += s.period
	s.socket.drain(s.hear)
	limit := s.Watchdog
	if !s.beaten {
		limit = s.first
	}
	if s.silent < limit {
		return
	}
	s.killed = true
	_ = unix.Kill(s.pid, unix.SIGKILL) // it is not reaped yet, so that the number is its own
	s.log.Error("ringfence missed its beat and was killed", "pid", s.pid, "silent", s.silent.String())
}

// hear takes a message of the child, and hands on what a service manager should
// know of this process: not that a child stops, for another follows.
func (s *supervisor) hear(pid int, message string) {
	if pid != s.pid {
		return
	}
	handOn := false
	for line := range strings.Lines(message) {
		switch strings.TrimSuffix(line, "\n") {
		case notify.Beat:
			s.beaten, s.silent = true, 0
		case notify.Ready:
			if s.once, handOn = true, true; s.ready.IsZero() {
				s.ready = time.Now()
			}
		case notify.Stopping:
			return
		default:
			handOn = true
		}
	}
	if handOn {
		s.tell(message)
	}
}

// obey hands a signal on to the child. One that ends this process is a wish to
// stop, also between two children.
func (s *supervisor) obey(got syscall.Signal) {
	if got == unix.SIGCHLD {
		return // reap sees why
	}
	if got != unix.SIGHUP && !s.stopping {
		s.stopping = true
		s.tell(notify.Stopping)
	}
	if s.pid != 0 {
		_ = unix.Kill(s.pid, got) // as above
	}
}

// reap takes every child that has ended off the kernel's hands, as process 1 of
// a container must, and tells how the one that counts did.
func (s *supervisor) reap() (status unix.WaitStatus, ended bool) {
	for {
		var w unix.WaitStatus
		pid, err := unix.Wait4(-1, &w, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil || pid == 0:
			return status, ended
		case pid == s.pid:
			status, ended = w, true
		}
	}
}

// ended decides what follows the end of a child: over with this exit code, or
// another start. Who could not start at all has said why, and would not the
// next time either.
func (s *supervisor) ended(status unix.WaitStatus) (code int, over bool) {
	s.socket.drain(s.hear) // its last words
	pid := s.pid
	s.pid = 0
	switch {
	case status.Exited():
		code = status.ExitStatus()
	case s.stopping && (status.Signal() == unix.SIGTERM || status.Signal() == unix.SIGINT):
		code = 0 // it was told to stop before it could obey
	default:
		code = 128 + int(status.Signal()) // as shells tell it
	}
	if s.stopping || status.Exited() && !s.once {
		return code, true
	}
	if s.killed {
		s.restarts.Hung++
	} else {
		s.restarts.Ended++
	}
	wait := s.later()
	s.log.Warn("ringfence is started again", "pid", pid, "ended", describe(status), "hung", s.killed, "next_start", wait.String())
	return 0, false
}

// later sets the next start: at once when the child before was steady or is the
// first, else after a pause that doubles.
func (s *supervisor) later() time.Duration {
	if !s.ready.IsZero() && time.Since(s.ready) >= s.steady {
		s.pause = 0
	}
	wait := s.pause
	s.next = time.After(wait)
	s.pause = min(max(2*s.pause, s.shortly), s.longest)
	return wait
}

func describe(status unix.WaitStatus) string {
	if status.Exited() {
		return fmt.Sprintf("exit code %d", status.ExitStatus())
	}
	return "signal " + unix.SignalName(status.Signal())
}

// tell tells the service manager of this process, which must not hold it up.
func (s *supervisor) tell(message string) {
	err := s.outer.Send(message, s.period)
	if err != nil && !s.outerDeaf {
		s.log.Warn("cannot tell the service manager", "err", err)
	}
	s.outerDeaf = err != nil
}
