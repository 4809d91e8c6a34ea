package integration

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
	"time"

	"ringfence/adapters/sip"
	"ringfence/integration/rig"
	"ringfence/rules"
)

// asking is a request with that From.
func asking(from, id string) []byte {
	return fmt.Appendf(nil, "INVITE sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK%s;rport\r\nFrom: %s\r\nTo: <sip:1@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", id, from, id)
}

// kamailioUser is Kamailio's user of a From value, "" where it reads none or refuses
// the request. It answers in order, so what has no answer when the question after it
// has one gets none.
func kamailioUser(t *testing.T, conn net.Conn, request []byte) string {
	t.Helper()
	after := asking("<sip:1@h>;tag=1", "after-"+rig.Header(request, "Call-ID"))
	for _, r := range [][]byte{request, after} {
		if _, err := conn.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(rig.Patience)); err != nil {
		t.Fatal(err)
	}
	text := ""
	for b := make([]byte, 65536); ; {
		size, err := conn.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		switch rig.Header(b[:size], "Call-ID") {
		case rig.Header(after, "Call-ID"):
			user, err := hex.DecodeString(text)
			if err != nil {
				t.Fatalf("%v of\n%s", err, request)
			}
			return string(user)
		case rig.Header(request, "Call-ID"):
			text = rig.Header(b[:size], "X-User")
		}
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
		request := asking(value, strconv.Itoa(i))
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
