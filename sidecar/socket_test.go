package sidecar

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"ringfence/adapters/esl/esltest"
)

// withSocket is a configuration with FreeSWITCH's socket, whose deadline no test
// reaches.
const withSocket = configText + "socket: {listen: 127.0.0.1:0, deadline: 10s, connections: 2}\n"

// fsCaller is who calls in the recorded sessions.
const fsCaller = "+12155551212"

// launchSocket starts a daemon that blocks fsCaller.
func launchSocket(t *testing.T, config string) *daemon {
	t.Helper()
	return launch(t, map[string]string{"ringfence.yaml": config, "rules/lists/spam.csv": listText + fsCaller + ",,\n"})
}

// dialSocket connects as a switch does.
func (d *daemon) dialSocket() *net.TCPConn {
	d.Helper()
	c, err := net.Dial("tcp", d.p.SocketAddr().String())
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// described is what a switch says of a recorded call.
func described(t *testing.T) string {
	t.Helper()
	s, err := esltest.Load("20-out-sync-reject")
	if err != nil {
		t.Fatal(err)
	}
	return string(s.Turns[1].Bytes)
}

// askSocket has a described call decided and returns all that the switch is told.
func (d *daemon) askSocket(call string) string {
	d.Helper()
	c := d.dialSocket()
	if _, err := io.WriteString(c, call); err != nil {
		d.Fatal(err)
	}
	_ = c.CloseWrite()
	told, err := io.ReadAll(c)
	if err != nil {
		d.Fatal(err)
	}
	return string(told)
}

func TestSocketDecides(t *testing.T) {
	d := launchSocket(t, withSocket)
	call := described(t)
	for _, c := range []struct {
		name, call string
		want       []string
	}{
		{"listed", call, []string{"\x1fringfence_verdict=block", "\nexecute-app-name:respond\n", "\n603 Network Blockedexit\n\n", `sip_reason=SIP;cause=603;text="v=analytics1;`}},
		{"clean", strings.ReplaceAll(call, "2155551212", "2155551213"), []string{"\x1fringfence_verdict=allowexit\n\n"}},
		{"emergency", strings.ReplaceAll(call, "g_sync_9090", "911"), []string{"\x1fringfence_verdict=allowexit\n\n"}},
	} {
		told := d.askSocket(c.call)
		for _, want := range append(c.want, "connect\n\n") {
			if !strings.Contains(told, want) {
				t.Errorf("%s: no %q in\n%q", c.name, want, told)
			}
		}
	}
	if told := d.askSocket("GET / HTTP/1.1\r\n\r\n"); told != "connect\n\n" {
		t.Errorf("to garbage the switch is told %q", told)
	}
	await(t, "the connections have ended", func() bool { return d.p.Status().Socket.Open == 0 })
	s := d.p.Status()
	if got, want := s.Calls, (CallCounts{Allowed: 2, Blocked: 1}); got != want {
		t.Errorf("calls %+v, want %+v", got, want)
	}
	if got := fmt.Sprint(s.Socket.Accepted, s.Socket.Undecided); got != "4 map[garbage:1]" {
		t.Errorf("socket %s, want 4 accepted and one of garbage", got)
	}
	_, metrics := d.get("/metrics")
	for _, want := range []string{
		`ringfence_calls_total{action="block",adapter="freeswitch-socket"} 1`,
		`ringfence_calls_total{action="allow",adapter="freeswitch-socket"} 2`,
		`ringfence_decision_seconds_count{adapter="freeswitch-socket"} 3`,
		`ringfence_undecided_calls_total{adapter="freeswitch-socket",cause="garbage"} 1`,
		`ringfence_undecided_calls_total{adapter="freeswitch-socket",cause="deadline"} 0`,
		"ringfence_socket_connections 0",
		"ringfence_socket_accepted_total 4",
		"ringfence_emergency_calls_total 1",
	} {
		if !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no metric %s", want)
		}
	}
	await(t, "the block in the journal", func() bool { return d.p.Status().Journal.Written == 1 })
}

func TestSocketIsOffUnlessConfigured(t *testing.T) {
	d := launch(t, nil)
	if a := d.p.SocketAddr(); a != nil {
		t.Errorf("it listens on %s", a)
	}
	if s := d.p.Status().Socket; s != nil {
		t.Errorf("status %+v", s)
	}
	if _, metrics := d.get("/metrics"); strings.Contains(metrics, "freeswitch-socket") || !strings.Contains(metrics, "\nringfence_refused_connections_total 0\n") {
		t.Error("metrics of a socket that is off, or none of the other listeners")
	}
}

func TestSocketBoundAndClients(t *testing.T) {
	d := launchSocket(t, withSocket)
	ended := func(c net.Conn) {
		t.Helper()
		if told, err := io.ReadAll(c); len(told) > 0 || isTimeout(err) {
			t.Errorf("it is told %q, %v; want the connection closed", told, err)
		}
	}
	held := [2]*net.TCPConn{d.dialSocket(), d.dialSocket()}
	for _, c := range held {
		if _, err := io.ReadFull(c, make([]byte, len("connect\n\n"))); err != nil {
			t.Fatal(err)
		}
	}
	ended(d.dialSocket())
	if got := fmt.Sprint(d.p.Status().Socket.Undecided); got != "map[connections:1]" {
		t.Errorf("undecided %s, want one beyond the bound", got)
	}
	for _, c := range held {
		_ = c.Close()
	}
	d.replace("ringfence.yaml", withSocket+"clients: [192.0.2.1]\n")
	await(t, "clients reloaded", func() bool { return d.p.Status().Generation > 1 })
	ended(d.dialSocket())
	if _, metrics := d.get("/metrics"); !strings.Contains(metrics, "\nringfence_refused_connections_total 1\n") {
		t.Error("it is not counted as refused")
	}
	d.replace("ringfence.yaml", strings.Replace(withSocket, "10s", "20ms", 1))
	await(t, "the new deadline waits for a restart", func() bool { return strings.Join(d.p.Status().Restart, " ") == "socket" })
}

// A call whose switch has yet to describe it when the daemon is told to stop is
// answered.
func TestSocketStopAnswersWhatIsInFlight(t *testing.T) {
	d := launchSocket(t, withSocket+"timeouts: {stop: 8m}\n") // is not reached
	c := d.dialSocket()
	if _, err := io.ReadFull(c, make([]byte, len("connect\n\n"))); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() { d.p.Stop(); close(stopped) }()
	await(t, "the listener is closed", func() bool {
		other, err := net.Dial("tcp", d.p.SocketAddr().String())
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	if _, err := io.WriteString(c, described(t)); err != nil {
		t.Fatal(err)
	}
	_ = c.CloseWrite()
	told, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(told), "603 Network Blocked") {
		t.Errorf("the switch is told %q, %v", told, err)
	}
	<-stopped
}

func TestSocketAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	dir := folder(t, map[string]string{"ringfence.yaml": strings.Replace(withSocket, "socket: {listen: 127.0.0.1:0", "socket: {listen: \""+l.Addr().String()+"\"", 1)})
	p, err := New(dir+"/ringfence.yaml", Options{Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err == nil || !strings.Contains(err.Error(), "socket.listen: ") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("start: %v", err)
	}
}
