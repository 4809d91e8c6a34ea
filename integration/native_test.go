package integration

import (
	"maps"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"ringfence/integration/rig"
)

// native is a Kamailio on this machine with a carrier behind it.
type native struct {
	*rig.Kamailio
	carrier *rig.Carrier
}

// stops ends what a test has started, when the test is over.
func stops(t testing.TB, name string, stop func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop %s: %v", name, err)
		}
	})
}

// timeout is how long Kamailio waits for the daemon unless a test is about that. The
// shipped second is over now and then on a busy machine, and then calls pass
// unasked. A call that took less did not wait for the daemon.
const timeout = 30 * time.Second

// shipped are the limits that users have, for tests about them.
var shipped = map[string]string{"RINGFENCE_TIMEOUT": "1", "RINGFENCE_STALL": "120"}

// startNative starts a carrier that gives these answers and a Kamailio before it.
func startNative(t testing.TB, o rig.KamailioOptions, answers map[string]rig.Answer) native {
	t.Helper()
	rig.Need(t, "kamailio")
	c, err := rig.StartCarrier(answers)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "carrier", c.Stop)
	o.Carrier = c.Addr
	defines := map[string]string{"RINGFENCE_TIMEOUT": strconv.Itoa(int(timeout.Seconds())), "RINGFENCE_STALL": strconv.Itoa(int(timeout.Milliseconds()))}
	maps.Copy(defines, o.Defines)
	o.Defines = defines
	k, err := rig.StartKamailio(o)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "kamailio", func() error {
		if t.Failed() {
			t.Logf("kamailio:\n%s", k.Log())
		}
		return k.Stop()
	})
	return native{k, c}
}

// startScripted starts a stand-in for the daemon.
func startScripted(t testing.TB, answer func(rig.Question) (int, string)) *rig.Scripted {
	t.Helper()
	s, err := rig.StartScripted(answer)
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "stand-in", s.Stop)
	return s
}

// TestMain removes what the tests built.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

var built struct {
	sync.Once
	dir, program string
	err          error
}

// startDaemon starts ringfence with testdata/native.
func startDaemon(t testing.TB) *rig.Ringfence {
	t.Helper()
	r := newDaemon(t)
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	return r
}

// newDaemon builds ringfence once and prepares it with testdata/native; the test
// starts it.
func newDaemon(t testing.TB) *rig.Ringfence {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "ringfence-build-"); built.err == nil {
			built.program, built.err = rig.BuildRingfence(built.dir)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	r, err := rig.NewRingfence(built.program, "testdata/native")
	if err != nil {
		t.Fatal(err)
	}
	stops(t, "ringfence", func() error {
		if t.Failed() && r.Process != nil {
			t.Logf("ringfence:\n%s", r.Log())
		}
		return r.Stop()
	})
	return r
}

// outside is where calls come from unless a test says otherwise: a trunk that
// nobody trusts.
const outside = "127.0.0.4"

// place places a call and fails the test when it gets no final response.
func (n native) place(t testing.TB, r rig.Request) *rig.Result {
	t.Helper()
	return n.send(t, "udp", r.Bytes(), rig.PlaceOptions{})
}

// send places a call with these very bytes.
func (n native) send(t testing.TB, network string, request []byte, o rig.PlaceOptions) *rig.Result {
	t.Helper()
	if o.Source == "" {
		o.Source = outside
	}
	r, err := rig.Place(network, n.Addr, request, o)
	if err != nil {
		t.Fatalf("%s: %v", rig.FirstLine(request), err)
	}
	return r
}

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if err := rig.Wait(rig.Patience, what, ok); err != nil {
		t.Fatal(err)
	}
}

// Answers of the stand-in.
var (
	passes  = func() string { return rig.Lines("allow", "", "", "", "", "", "", "") }
	refused = func() string {
		return rig.Lines("block", "603", "Network Blocked", `SIP;cause=603;text="v=analytics1;id=x";location=LN`, "", "", "", "")
	}
)

// spam is the caller that the stand-in has refused; all others pass.
const spam = "12025550666"

func blocksSpam(q rig.Question) (int, string) {
	if q.Caller() == spam {
		return 200, refused()
	}
	return 200, passes()
}
