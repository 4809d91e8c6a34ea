package parity

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ringfence/adapters/esl"
	"ringfence/integration/rig"
)

// recordingFile has the channels of the calls: "== NAME", then a line a variable,
// the value as a Go string.
const recordingFile = "testdata/channels.txt"

// channel is what FreeSWITCH said of one call when its dialplan came to ask; names
// are in lower case.
type channel map[string]string

// Lookup implements freeswitch.Channel.
func (c channel) Lookup(name string) (string, bool) {
	value, ok := c[strings.ToLower(name)]
	return value, ok
}

// recording is the channels by the name of the call.
type recording map[string]channel

func readRecording(t *testing.T) recording {
	t.Helper()
	r := recording{}
	var c channel
	s := bufio.NewScanner(strings.NewReader(readFile(t, recordingFile)))
	for s.Scan() {
		if name, ok := strings.CutPrefix(s.Text(), "== "); ok {
			c = channel{}
			r[name] = c
			continue
		}
		name, quoted, _ := strings.Cut(s.Text(), ": ")
		value, err := strconv.Unquote(quoted)
		if err != nil {
			t.Fatalf("%s: %q: %v", recordingFile, s.Text(), err)
		}
		c[name] = value
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r recording) write(t *testing.T) {
	t.Helper()
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "== %s\n", c.name)
		for _, name := range slices.Sorted(maps.Keys(r[c.name])) {
			fmt.Fprintf(&b, "%s: %q\n", name, r[c.name][name])
		}
	}
	if err := os.WriteFile(recordingFile, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

// record places the calls on the FreeSWITCH of this machine, which asks an
// outbound socket of ours about each.
func record(t *testing.T) recording {
	program := rig.NeedFreeSWITCH(t)
	dialplan, err := filepath.Abs("testdata/parity.xml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan *esl.Event, 1)
	go serve(l, asked)
	f, err := rig.StartFreeSWITCH(rig.FreeSWITCHOptions{
		Program: program, Contexts: []string{"parity", "parity_named"},
		Variables: map[string]string{"parity_socket": l.Addr().String()}, Dialplan: []string{dialplan}, Quiet: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Stop(); err != nil {
			t.Error(err)
		}
	}()
	r := recording{}
	for _, c := range calls {
		context := "parity"
		if c.named {
			context = "parity_named"
		}
		result, err := rig.Place("udp", f.Addr[context], []byte(c.request()), rig.PlaceOptions{Limit: 30 * time.Second})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if result.Code != 606 {
			t.Errorf("%s: %s", c.name, result.Status)
			continue
		}
		select {
		case e := <-asked:
			r[c.name] = cleaned(e)
		case <-time.After(30 * time.Second):
			t.Fatalf("%s: answered without asking", c.name)
		}
	}
	return r
}

// serve answers each connection with exit, once the switch has told its channel.
func serve(l net.Listener, asked chan<- *esl.Event) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = conn.Write([]byte("connect\n\n"))
		e := new(esl.Event)
		if esl.NewDecoder(conn, 0).Decode(e) == nil {
			asked <- e.Clone()
		}
		_, _ = conn.Write([]byte("exit\n\n"))
		conn.Close()
	}
}

// cleaned is what of a channel is of the call: nothing of the machine, of the
// media or of the moment.
func cleaned(e *esl.Event) channel {
	c := channel{}
	for name, value := range e.All {
		name = strings.ToLower(name)
		switch {
		case slices.Contains(ofTheMoment, name):
		case name == "variable_sip_network_port":
			c[name] = strconv.Itoa(int(port))
		case strings.HasPrefix(name, "variable_sip_"), strings.HasPrefix(name, "variable_ringfence_"),
			name == "caller-username", name == "caller-caller-id-name", name == "caller-caller-id-number", name == "caller-destination-number":
			c[name] = value
		}
	}
	return c
}

var ofTheMoment = []string{
	"variable_sip_invite_stamp", "variable_sip_local_network_addr", "variable_sip_received_ip", "variable_sip_received_port", "variable_sip_full_via", "variable_sip_via_host",
	"variable_sip_via_port", "variable_sip_via_rport", "variable_sip_contact_port", "variable_sip_contact_uri", "variable_sip_contact_host", "variable_sip_i_contact", "variable_sip_i_via",
}
