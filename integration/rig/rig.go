// Package rig puts ringfence between real SIP parties on loopback: it starts
// Kamailio with the shipped configuration, the daemon, a carrier behind and
// callers in front, and stops all of them. Native and Docker tests, the demo and
// the benchmark use it.
//
// Whatever rig starts ends with the program that started it.
package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Need skips the test, and says so, when one of the programs is not installed.
// In CI a missing program fails the test.
func Need(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			Missing(t, p+" is not installed")
		}
	}
}

// Missing skips the test because of what is not here, or fails it in CI, where
// the variable CI is set to anything but false.
func Missing(t testing.TB, what string) {
	t.Helper()
	if ci := os.Getenv("CI"); ci != "" && ci != "false" {
		t.Fatal(what)
	}
	t.Skip("skipped: " + what)
}

// Root is the folder of the repository.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// nextPort runs through the ports below those that the system gives out by
// itself, so that no caller's own port is in the way between FreePort and its use.
var nextPort atomic.Uint32

func init() { nextPort.Store(rand.Uint32N(20_000)) }

// FreePort is a port on 127.0.0.1 that neither UDP nor TCP uses now. It gives
// no port twice.
func FreePort() (int, error) {
	for range 1000 {
		port := int(10_000 + nextPort.Add(1)%20_000)
		l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		if err != nil {
			continue
		}
		u, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
		l.Close()
		if err == nil {
			u.Close()
			return port, nil
		}
	}
	return 0, fmt.Errorf("free port: none found on 127.0.0.1 in 1000 attempts")
}

// Patience is how long to wait for what must come, on however slow a machine. Only
// what never comes takes so long.
const Patience = 2 * time.Minute

// Wait asks ok every few milliseconds until it holds, or fails after the limit.
// What names the condition.
func Wait(limit time.Duration, what string, ok func() bool) error {
	deadline := time.Now().Add(limit)
	for !ok() {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s: not within %s", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// environment is the caller's without proxies: everything here is on loopback,
// and Kamailio's HTTP client would follow them.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			env = append(env, e)
		}
	}
	return env
}
