package supervisor

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ringfence/sidecar/notify"
)

// TestMain plays a supervisor or its child when this program is run as one: the
// first argument says which.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		role, detail, _ := strings.Cut(os.Args[1], ":")
		switch role {
		case "supervisor":
			os.Exit(playSupervisor(detail, os.Args[2:]))
		case "child":
			os.Exit(playChild(detail))
		}
	}
	os.Exit(m.Run())
}

// playSupervisor supervises children of this program, with short pauses. Each
// child plays the next of the parts, the last one for ever.
func playSupervisor(watchdog string, parts []string) int {
	d, err := time.ParseDuration(watchdog)
	if err != nil {
		panic(err)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil { // as process 1 is
		panic(err)
	}
	code, err := Run(Options{
		Program: os.Args[0], Arguments: []string{os.Args[0], "child:" + strings.Join(parts, ",")},
		Watchdog: d, shortly: time.Millisecond, longest: 4 * time.Millisecond, steady: time.Hour,
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return code
}

// starting is a child's first beat.
const starting = notify.Beat + "\nEXTEND_TIMEOUT_USEC=10000000"

// playChild tells what it does in lines, each behind its process number.
func playChild(parts string) int {
	say := func(format string, values ...any) {
		fmt.Printf("%d %s\n", os.Getpid(), fmt.Sprintf(format, values...))
	}
	told := Told()
	all := strings.Split(parts, ",")
	part := all[min(int(told.Hung+told.Ended), len(all)-1)]
	manager := notify.NewSender()
	send := func(message string) {
		if err := manager.Send(message, time.Minute); err != nil {
			say("%v", err)
		}
	}
	watchdog, err := notify.Watchdog()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	say("plays %s: hung %d, ended %d, watchdog %s, %v", part, told.Hung, told.Ended, watchdog, err)
	switch part {
	case "unready": // says why it cannot start, and ends
		return 7
	case "crash": // soon after it was ready
		send(notify.Ready)
		return 3
	case "mute": // and ready
		send(notify.Beat)
		send(notify.Ready)
		select {}
	case "forged": // beats by somebody else
		send(notify.Beat)
		send(notify.Ready)
		for {
			forger := exec.Command(os.Args[0], "child:beat-once")
			if out, err := forger.CombinedOutput(); err != nil {
				say("%v: %s", err, out)
			}
		}
	case "beat-once":
		send(notify.Beat)
		return 0
	case "orphans": // leaves a grandchild behind
		middle := exec.Command(os.Args[0], "child:middle")
		middle.Stdout, middle.Env = os.Stdout, append(os.Environ(), "SUPERVISOR="+strconv.Itoa(os.Getppid()))
		if err := middle.Run(); err != nil {
			say("%v", err)
		}
	case "middle":
		leaf := exec.Command(os.Args[0], "child:leaf")
		leaf.Stdout = os.Stdout
		if err := leaf.Start(); err != nil {
			say("%v", err)
		}
		return 0
	case "leaf":
		for strconv.Itoa(os.Getppid()) != os.Getenv("SUPERVISOR") {
			time.Sleep(time.Millisecond)
		}
		say("is an orphan")
		return 0
	}
	send(starting)
	send(notify.Ready)
	say("is ready")
	beat := time.NewTicker(watchdog / 50)
	for {
		select {
		case <-beat.C:
			send(notify.Beat)
		case s := <-signals:
			say("got %s", s)
			if s != syscall.SIGHUP {
				send(notify.Stopping)
				if part == "stubborn" {
					select {}
				}
				return 0
			}
			send(notify.Reloading)
			send(notify.Ready)
		}
	}
}
