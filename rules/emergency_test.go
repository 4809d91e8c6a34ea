package rules

import (
	"bufio"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestEmergencyTable reads the table that the switches' own emergency checks
// are tested with too.
func TestEmergencyTable(t *testing.T) {
	table, err := NewEmergency(nil)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open("testdata/emergency.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	cases := map[bool]int{}
	for in := bufio.NewScanner(file); in.Scan(); {
		if strings.HasPrefix(in.Text(), "#") {
			continue
		}
		fields := strings.Split(in.Text(), "\t")
		if len(fields) != 3 || fields[1] != "yes" && fields[1] != "no" || fields[2] == "" {
			t.Fatalf("a line that is no request-uri, yes or no, and why: %q", in.Text())
		}
		uri, want := fields[0], fields[1] == "yes"
		cases[want]++
		if got := table.Called(uri, userOf(t, uri)); got != want {
			t.Errorf("%s: %v, want %v: %s", uri, got, want, fields[2])
		}
	}
	if cases[true] < 20 || cases[false] < 20 {
		t.Errorf("only %v cases", cases)
	}
}

// userOf is the user part of a SIP URI or the number of a tel URI,
// percent-decoded and without parameters.
func userOf(t *testing.T, uri string) string {
	t.Helper()
	scheme, rest, _ := strings.Cut(uri, ":")
	switch strings.ToLower(scheme) {
	case "sip", "sips":
		user, _, ok := strings.Cut(rest, "@")
		if !ok {
			return ""
		}
		rest = user
	case "tel":
	default:
		return ""
	}
	user, _, _ := strings.Cut(rest, ";")
	user, err := url.PathUnescape(user)
	if err != nil {
		t.Fatal(err)
	}
	return user
}

func TestEmergencyOfTheConfiguration(t *testing.T) {
	table, err := NewEmergency([]string{"116117", "+1 (202) 555-0142", "+1911"})
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]bool{
		"116117": true, "+116117": true, "12025550142": true, "+12025550142": true, "1911": true,
		"911": true, "2025550142": false, "1161171": false, "": false, "911;x=y": false,
	} {
		if got := table.Called("sip:x@example.net", user); got != want {
			t.Errorf("%q: %v, want %v", user, got, want)
		}
	}
	us := plan(t, "US", "1XX")
	for user, want := range map[string]bool{
		"2025550142": true, "+12025550142": true, "+911": true, "+116117": true,
		"2025550143": false, "113": false, "alice": false, "202555/0142": false, "+1_202_555_0142": false,
	} {
		if got := table.Holds(us.Number(user)); got != want {
			t.Errorf("holds %q: %v, want %v", user, got, want)
		}
	}
	for _, bad := range []string{"", "+", "9", "sos", "911*", "1234567890123456"} {
		if _, err := NewEmergency([]string{bad}); err == nil || !strings.Contains(err.Error(), "emergency number") {
			t.Errorf("%q: %v, want an error", bad, err)
		}
	}
}
