package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestNativePaste holds that the include works in configurations that were
// there before it: Debian's own, with one line and one call added, and one that
// already has dialogs with events, htable, http_client and a failure route.
func TestNativePaste(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config func(*testing.T) string
		listen bool // it says nothing of where to listen
	}{
		{"Debian", debian, true},
		{"busy", func(*testing.T) string { return "testdata/busy.cfg" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			rig.Need(t, "kamailio")
			config := c.config(t)
			d := startScripted(t, blocksSpam)
			n := startNative(t, rig.KamailioOptions{Config: config, Listen: c.listen, Ringfence: d.Addr}, nil)

			// The callee is a subscriber where the configuration knows such.
			here := "127.0.0.1" + n.Addr[strings.LastIndexByte(n.Addr, ':'):]
			r := n.place(t, rig.Request{
				Method: "REGISTER", URI: "sip:" + here, From: "<sip:12025550200@" + here + ">", To: "<sip:12025550200@" + here + ">",
				Headers: []string{"Contact: <sip:12025550200@" + n.carrier.Addr + ">", "Expires: 300"},
			})
			if r.Code != 200 {
				t.Fatalf("REGISTER: %s", r.Status)
			}
			uri := "sip:12025550200@" + here

			asked := len(d.Asked())
			var up []*rig.Result
			for range 5 {
				r := n.send(t, "udp", rig.Request{From: from("13015550299"), URI: uri}.Bytes(), rig.PlaceOptions{Hold: true}) // once: busy.cfg makes its dialogs before retransmissions are absorbed
				if r.Code != 200 {
					t.Fatalf("an ordinary call: %s", r.Status)
				}
				up = append(up, r)
				r = n.send(t, "udp", rig.Request{From: from(spam), URI: uri}.Bytes(), rig.PlaceOptions{Times: 3})
				if r.Status != "SIP/2.0 603 Network Blocked" || !strings.HasPrefix(r.Reason, "SIP;cause=603;") {
					t.Errorf("a listed caller: %s, Reason %q", r.Status, r.Reason)
				}
			}
			if r := n.place(t, n.claimed(rig.Request{From: from(spam)}, n.carrier.Addr)); r.Status != "SIP/2.0 603 Network Blocked" {
				t.Errorf("a listed caller with a forged tag: %s", r.Status)
			}
			if asked = len(d.Asked()) - asked; asked != 11 {
				t.Errorf("%d questions for 11 calls", asked)
			}
			if got := n.carrier.Calls("12025550200"); got != 5 {
				t.Errorf("the callee got %d calls, want 5", got)
			}
			if err := rig.Wait(rig.Patience, "five answered calls", func() bool { return len(d.Outcomes()) == 5 && len(n.carrier.Requests("ACK")) >= 5 }); err != nil {
				t.Fatalf("%v: %d calls acknowledged, outcomes:\n%s", err, len(n.carrier.Requests("ACK")), strings.Join(d.Outcomes(), "\n"))
			}
			for _, r := range up {
				if _, err := r.HangUp(); err != nil {
					t.Error(err)
				}
			}
			eventually(t, "outcomes of five calls", func() bool { return len(d.Outcomes()) == 10 })
			outcome(t, d, `200 127\.0\.0\.1 [01] \d+ \d+ 1 caller OK`)
			// The module dialog complains of an ACK that overtakes the 200.
			overtaken := regexp.MustCompile(`next_state_dlg\(\): bogus event 6|update_dlg_timer\(\)|failed to update dialog lifetime`)
			for line := range strings.Lines(string(n.Log())) {
				if (strings.Contains(line, "ERROR:") || strings.Contains(line, "CRITICAL:")) && !overtaken.MatchString(line) {
					t.Errorf("kamailio complains: %s", line)
				}
			}
		})
	}
}

// debian is Debian's kamailio.cfg with ringfence pasted in.
func debian(t *testing.T) string {
	t.Helper()
	stock, err := os.ReadFile("/etc/kamailio/kamailio.cfg")
	text := string(stock)
	for mark, with := range map[string]string{
		"####### Routing Logic ########\n":     "include_file \"" + filepath.Join(rig.Root(), "docker/kamailio/ringfence.cfg") + "\"\n\n",
		"\t# authentication\n\troute(AUTH);\n": "\troute(RINGFENCE);\n",
		"\tif (loose_route()) {\n":             "\t\troute(RINGFENCE_WITHIN_DIALOG);\n",
	} {
		before, after, found := strings.Cut(text, mark)
		if err != nil || !found {
			rig.Missing(t, fmt.Sprintf("/etc/kamailio/kamailio.cfg is not Debian's: %v", err))
		}
		if strings.HasPrefix(mark, "#") {
			text = before + with + mark + after
		} else {
			text = before + mark + with + after
		}
	}
	file := filepath.Join(t.TempDir(), "kamailio.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestNativeDefines holds that Kamailio takes the include with every define.
func TestNativeDefines(t *testing.T) {
	t.Parallel()
	rig.Need(t, "kamailio")
	for _, defines := range [][]string{
		nil,
		{"RINGFENCE_FAIL_CLOSED"},
		{"RINGFENCE_LABEL_NAME"},
		{"RINGFENCE_NO_DIALOG_EVENTS"},
		{`RINGFENCE_EMERGENCY="117"`},
		{`RINGFENCE_SERVER="ringfence=>http://192.0.2.1:8088;useragent=x"`},
		{"RINGFENCE_TIMEOUT=2", "RINGFENCE_ASKING=7", "RINGFENCE_STALL=200"},
		{`CARRIER_2="sip:192.0.2.2"`, "ANSWER_TIMEOUT=2000", "WORKERS=2", "LISTEN=127.0.0.1:5060"},
	} {
		args := []string{"-c", "-f", "../docker/kamailio/kamailio.cfg"}
		for _, d := range defines {
			args = append(args, "-A", d)
		}
		out, err := exec.Command("kamailio", args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), "WARNING") || strings.Contains(string(out), "ERROR") {
			t.Errorf("%v: %v\n%s", defines, err, out)
		}
	}
	// A site with dialog events of its own.
	out, err := exec.Command("kamailio", "-c", "-f", "testdata/busy.cfg", "-A", "LISTEN=127.0.0.1:5060", "-A", "WORKERS=2", "-A", `CARRIER="sip:192.0.2.1"`).CombinedOutput()
	if err != nil {
		t.Errorf("busy.cfg: %v\n%s", err, out)
	}
}
