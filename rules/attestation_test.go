package rules

import "testing"

func TestVouch(t *testing.T) {
	trusted := testTrunk(t, "carrier", "192.0.2.0/24", true)
	untrusted := testTrunk(t, "pbx", "198.51.100.0/24", false)
	tests := []struct {
		pai, from string // verstat
		header    string
		want      string
	}{
		{"", "", "", "none none"},
		{"TN-Validation-Passed", "", "", "none passed"},
		{"tn-validation-PASSED", "", "A", "A passed"},
		{"TN-Validation-Passed-A", "", "", "A passed"},
		{"TN-Validation-Passed-b", "", "", "B passed"},
		{"TN-Validation-Passed-C-Div", "", "", "C passed"},
		{"TN-Validation-Passed-Diverted", "", "", "none passed"},
		{"TN-Validation-Failed", "", "", "none failed"},
		{"TN-Validation-Failed-A", "", "A", "none failed"},
		{"No-TN-Validation", "", "A", "none none"},
		{"TN-Validation-Passedly", "", "", "none none"},
		{"yes", "", "", "none none"},
		{"", "TN-Validation-Passed", "", "none passed"},
		{"TN-Validation-Passed", "TN-Validation-Failed", "", "none passed"}, // P-Asserted-Identity first
		{"yes", "TN-Validation-Failed", "", "none failed"},
		{"TN-Validation-Passed-A,TN-Validation-Failed", "", "", "none failed"},
		{"No-TN-Validation,TN-Validation-Passed-A", "", "", "none none"},
		{"TN-Validation-Passed-A,TN-Validation-Passed-B", "", "", "B passed"},
		{"", "", "a", "A none"},
		{"", "", " B ;x=y", "B none"},
		{"", "", "A,C", "C none"},
		{"", "", "A,A", "A none"},
		{"", "", "A, full", "A none"},
		{"", "", "D", "none none"},
		{"", "", "AA", "none none"},
		{"", "", ",", "none none"},
		{"TN-Validation-Passed-A", "", "C", "C passed"},
	}
	for _, tt := range tests {
		for _, trunk := range []*Trunk{&trusted, &untrusted, nil} {
			c := &Call{Attestation: tt.header}
			c.Asserted[0].Verstat, c.From.Verstat, c.trunk = tt.pai, tt.from, trunk
			want := tt.want
			if trunk != &trusted {
				want = "none none"
			}
			v := c.vouch()
			if got := v.attestation.String() + " " + v.verification.String(); got != want {
				t.Errorf("%q, %q, %q of %v: %s, want %s", tt.pai, tt.from, tt.header, trunk, got, want)
			}
		}
	}
	two := &Call{}
	two.trunk, two.Asserted[0].Verstat, two.Asserted[1].Verstat = &trusted, "TN-Validation-Passed-A", "TN-Validation-Failed"
	if v := two.vouch(); v.verification != VerificationFailed || v.attestation != Unattested {
		t.Errorf("one of two failed: %v", v)
	}
}
