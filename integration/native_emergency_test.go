package integration

import (
	"os"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestNativeEmergency holds the include to the engine's own table: a call to an
// emergency number is never asked about, everything else is.
func TestNativeEmergency(t *testing.T) {
	t.Parallel()
	// Whatever is asked about is stopped.
	d := startScripted(t, func(rig.Question) (int, string) { return 200, refused() })
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: map[string]string{"RINGFENCE_EMERGENCY": `"117,118"`}}, nil)
	table, err := os.ReadFile("../rules/testdata/emergency.tsv")
	if err != nil {
		t.Fatal(err)
	}
	own := "sip:117@example.net\tyes\tadded by a define\nsip:+1-1-8@example.net\tyes\tadded by a define\nsip:1170@example.net\tno\tnot a whole number\n"
	rows := 0
	for line := range strings.Lines(string(table) + own) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 3 || strings.HasPrefix(line, "#") {
			continue
		}
		rows++
		uri, emergency := f[0], f[1] == "yes"
		asked := len(d.Asked())
		r := n.place(t, rig.Request{URI: uri, To: "<sip:12025550200@127.0.0.1>"})
		switch {
		case emergency && r.Code != 200:
			t.Errorf("%s is an emergency call (%s): %s", uri, f[2], r.Status)
		case emergency && len(d.Asked()) != asked:
			t.Errorf("%s is an emergency call (%s) and was asked about", uri, f[2])
		case !emergency && r.Code < 400:
			t.Errorf("%s is an ordinary call (%s): %s", uri, f[2], r.Status)
		}
	}
	if strings.Contains(string(n.Log()), "ERROR: siputils") { // in_list() of a URI without a user
		t.Error("kamailio complains")
	}
	if rows < 50 {
		t.Errorf("the table has %d rows", rows)
	}
}
