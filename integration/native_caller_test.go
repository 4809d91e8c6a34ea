package integration

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"ringfence/adapters/sip"
	"ringfence/integration/rig"
	"ringfence/rules"
)

// Kamailio's user of a From value, "" where it reads none or refuses the request.
func kamailioUser(t *testing.T, conn net.Conn, request []byte) string {
	t.Helper()
	if _, err := conn.Write(request); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	for b := make([]byte, 65536); ; {
		size, err := conn.Read(b)
		if err != nil {
			return ""
		}
		if rig.Header(b[:size], "Call-ID") != rig.Header(request, "Call-ID") {
			continue // a late answer to an earlier one
		}
		user, err := hex.DecodeString(rig.Header(b[:size], "X-User"))
		if err != nil {
			t.Fatalf("%v in\n%s", err, b[:size])
		}
		return string(user)
	}
}

// TestNativeCaller holds that where Kamailio reads a number in From, ringfence
// reads the same: what the two read differently is a way past the lists. From
// values are ordinary ones with pieces put in, the same in every run.
func TestNativeCaller(t *testing.T) {
	t.Parallel()
	n := startNative(t, rig.KamailioOptions{Config: "testdata/user.cfg", Workers: 1}, nil)
	conn, err := net.Dial("udp", n.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	plan, err := rules.NewPlan("US", nil)
	if err != nil {
		t.Fatal(err)
	}
	values := []string{
		`<sip:+13035550260@h>;tag=1`, `sip:+13035550260@h;tag=1`, `"Joe" <sip:+13035550260@h>;tag=1`, `Joe <sip:+13035550260:pw@h;user=phone>;tag=1`,
		`"a <sip:+13015550299@x>" <sip:+13035550260@h>;tag=1`, `<tel:+13035550260;phone-context=+1>;tag=1`, `"\"" <sip:+13035550260@h>;tag="x<sip:1@h>"`,
		`Joe "x" <sip:+13035550260;npdi@h?X=y>;tag=1`, `<sips:+13035550260@h>;tag=1`, `sip:+13035550260@h?Subject=<sip:1@x>;tag=1`,
		`sip:+13035550260@h;a=<sip:+13015550299@x>;tag=1`, `sip:+13035550260:a,b@h;tag=1`, `sip:+13035550260,@h;tag=1`, `,<sip:+13035550260@h>;tag=1`,
	}
	pieces := []string{
		`"`, `\`, `<`, `>`, `,`, `;`, `@`, `:`, ` `, "\t", "\r\n ", "\n ", `%`, `%3B`, `%40`, `?`, `=`, `&`, `+`, `[`, `]`, `'`, `(`, `)`, `/`, `~`, `#`, "\x01", "é",
		`sip:+13015550299@x`, `<sip:+13015550299@x>`, `tag=2`, `"a"`, `\"`, `SIP:`, `tel:`,
	}
	r := rand.New(rand.NewPCG(1, 2))
	read := 0
	for i := range 4000 {
		value := values[i%len(values)]
		for range r.IntN(4) {
			at := r.IntN(len(value) + 1)
			piece := pieces[r.IntN(len(pieces))]
			end := at + r.IntN(2)
			value = value[:at] + piece + value[min(end, len(value)):]
		}
		request := fmt.Appendf(nil, "INVITE sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%d;rport\r\nFrom: %s\r\nTo: <sip:1@127.0.0.1>\r\nCall-ID: %d\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", i, value, i)
		theirs := plan.Number(sip.ParseURI("sip:" + kamailioUser(t, conn, request) + "@h").User)
		if theirs.Kind() != rules.Global {
			continue
		}
		read++
		var m sip.Message
		if err := m.Parse(string(request)); err != nil {
			continue // refused whole
		}
		if ours := plan.Number(m.From.URI.User); ours != theirs {
			t.Errorf("From: %q: Kamailio reads %s, ringfence %q", value, theirs, m.From.URI.User)
		}
	}
	if read < 1000 {
		t.Errorf("Kamailio read a number in %d values only", read)
	}
}
