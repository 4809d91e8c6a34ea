package rules

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseUpstreamBlock(t *testing.T) {
	t.Parallel()
	whole := UpstreamBlock{Code: 603, URL: "https://redress.example/calls", Tel: "+18005557100", Email: "block@example.net", ID: "zz9", Location: "RLN"}
	for _, c := range []struct {
		name                 string
		code                 int
		phrase, reason, card string
		want                 UpstreamBlock
		none                 bool
	}{
		{name: "as the standard has it", code: 603, phrase: "Network Blocked",
			reason: `SIP;cause=603;text="v=analytics1;url=https://redress.example/calls;tel=+18005557100;email=block@example.net;id=zz9";location=RLN`, want: whole},
		{name: "under Q.850", code: 603, phrase: "Decline",
			reason: `Q.850;cause=21;text="v=analytics1;url=https://redress.example/calls;tel=+18005557100;email=block@example.net;id=zz9";location=RLN`, want: whole},
		{name: "in another order, with blanks and case", code: 603, phrase: "Decline",
			reason: ` sip ; location = RLN ; Text = "ID=zz9; email = block@example.net ;tel= +1 (800) 555-7100 ;URL=https://redress.example/calls; V=Analytics2" ;cause= 603`, want: whole},
		{name: "escapes", code: 603, reason: `SIP;cause=603;text="v=analytics1;id=a\"b\\c"`, want: UpstreamBlock{Code: 603, ID: `a"b\c`}},
		{name: "the one of several that is marked", code: 603,
			reason: `Q.850;cause=21;text="CALL; REJECTED, really", SIP;cause=603;text="v=analytics1;id=7";location=LN, SIP;cause=603;text="v=analytics1;id=8"`, want: UpstreamBlock{Code: 603, ID: "7", Location: "LN"}},
		{name: "a comma within quotes ends no value", code: 603, reason: `SIP;cause=603;text="x,SIP;cause=603;v=analytics1;id=7"`, want: UpstreamBlock{Code: 603, ID: "7"}},
		{name: "the phrase alone", code: 603, phrase: " NETWORK blocked", want: UpstreamBlock{Code: 603}},
		{name: "the phrase and an ordinary Reason", code: 603, phrase: "Network Blocked", reason: `Q.850;cause=21;location=RPN`, want: UpstreamBlock{Code: 603, Location: "RPN"}},
		{name: "a text without its end: what was cut is left out", code: 603, reason: `SIP;cause=603;text="v=analytics1;id=7;url=https://redress.exam`, want: UpstreamBlock{Code: 603, ID: "7"}},
		{name: "contacts that are none", code: 603, reason: `SIP;cause=603;text="v=analytics1;url=javascript://x;tel=ask;email=nobody;id=a b";location="T N"`, want: UpstreamBlock{Code: 603}},
		{name: "the first that is one", code: 603, reason: `SIP;cause=603;text="v=analytics1;url=x;url=https://a.example;url=https://b.example"`, want: UpstreamBlock{Code: 603, URL: "https://a.example"}},
		{name: "item that is too long", code: 603, reason: `SIP;cause=603;text="v=analytics1;id=` + strings.Repeat("7", 257) + `"`, want: UpstreamBlock{Code: 603}},
		{name: "no value", code: 603, reason: `SIP;cause=603;text="v=analytics1;;url;=;id="`, want: UpstreamBlock{Code: 603}},
		{name: "608", code: 608, phrase: "Rejected", card: "https://block.example/jcard", want: UpstreamBlock{Code: 608, URL: "https://block.example/jcard"}},
		{name: "608 whose card is no address", code: 608, card: "cid:1", want: UpstreamBlock{Code: 608}},
		{name: "608 with a Reason", code: 608, reason: `SIP;cause=608;text="v=analytics1;id=7"`, card: "https://block.example/jcard", want: UpstreamBlock{Code: 608, ID: "7", URL: "https://block.example/jcard"}},
		{name: "declined by the called party", code: 603, phrase: "Decline", reason: `Q.850;cause=21;text="CALL_REJECTED"`, none: true},
		{name: "no Reason", code: 603, phrase: "Decline", none: true},
		{name: "the Reason of another answer", code: 603, phrase: "Decline", reason: `SIP;cause=480;text="v=analytics1;id=7", Q.850;cause=16;text="v=analytics1"`, none: true},
		{name: "not the version", code: 603, phrase: "Decline", reason: `SIP;cause=603;text="v=1;id=analytics1"`, none: true},
		{name: "unwanted by the called party", code: 607, phrase: "Network Blocked", reason: `SIP;cause=607;text="v=analytics1"`, none: true},
		{name: "a comma at the end", code: 603, phrase: "Decline", reason: ",;,=,\"", none: true},
	} {
		got, ok := ParseUpstreamBlock(c.code, c.phrase, c.reason, c.card)
		if diff := cmp.Diff(c.want, got); diff != "" || ok == c.none {
			t.Errorf("%s: %v, -want +got\n%s", c.name, ok, diff)
		}
	}
}

// TestOwnAnswerIsRead holds that what we answer is read by the same reader.
func TestOwnAnswerIsRead(t *testing.T) {
	t.Parallel()
	s := Settings{Redress: Redress{URL: "https://redress.example/calls", Tel: "+18005557100", Email: "block@example.net", Location: "RLN"}}
	a := newAnswer(Analytics, 0, 0, &s)
	id := callID(1)
	got, ok := ParseUpstreamBlock(a.code, a.phrase, string(a.reason(nil, &id)), "")
	want := UpstreamBlock{Code: 603, URL: s.Redress.URL, Tel: s.Redress.Tel, Email: s.Redress.Email, ID: id.String(), Location: "RLN"}
	if !ok || got != want {
		t.Errorf("%v %+v, want %+v", ok, got, want)
	}
}

func FuzzParseUpstreamBlock(f *testing.F) {
	for _, seed := range []string{
		`SIP;cause=603;text="v=analytics1;url=https://redress.example/calls;tel=+18005557100;email=block@example.net;id=zz9";location=RLN`,
		`Q.850;cause=21;text="a\"b;v=analytics1", SIP ; cause = 603 ; text = "v=analytics1;id=7`, `SIP;cause=603;text="v=analytics1;id=\`, ",;=\"\\",
	} {
		f.Add(603, "Network Blocked", seed, "https://block.example/jcard")
		f.Add(608, "", seed, "")
	}
	f.Fuzz(func(t *testing.T, code int, phrase, reason, card string) {
		b, ok := ParseUpstreamBlock(code, phrase, reason, card)
		if !ok && b != (UpstreamBlock{}) {
			t.Errorf("no block, but %+v", b)
		}
		for _, s := range []string{b.URL, b.Tel, b.Email, b.ID, b.Location} {
			if len(s) > maxBlockText || printable(s) != s {
				t.Errorf("%q of %q", s, reason)
			}
		}
		if b.URL != "" && !strings.Contains(b.URL, "://") || b.Email != "" && !strings.Contains(b.Email, "@") {
			t.Errorf("%+v", b)
		}
	})
}
