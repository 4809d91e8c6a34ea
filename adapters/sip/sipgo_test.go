package sip

import (
	"strings"
	"testing"

	sipgo "github.com/emiago/sipgo/sip"
	"github.com/google/go-cmp/cmp"
)

// corpus is well-formed requests: each From, To and Request-URI with each other.
func corpus() []string {
	uris := []string{
		"sip:+12025550142@example.net",
		"sip:+12025550142@example.net;user=phone",
		"sips:bob@biloxi.example:5061;transport=tls",
		"sip:alice:secret@atlanta.example",
		"sip:carol@192.0.2.4:5070;lr;maddr=192.0.2.5",
		"sip:dave@example.net?subject=project%20x&priority=urgent",
		"sip:registrar.example.net",
	}
	addresses := []string{
		"<sip:+12025550100@example.com>;tag=1928301774",
		"<sip:+12025550100@example.com;user=phone>;tag=1928301774",
		`"Alice" <sip:alice@atlanta.example>;tag=9fxced76sl`,
		`"Bell, Alexander" <sip:a.g.bell@example.com>;tag=43`,
		"A. G. Bell <sip:agb@bell-telephone.example>;tag=a48s",
		"Anonymous <sip:c8oqz84zk7z@privacy.example>;tag=hyh8",
		"sip:+12125551212@server.phone2net.example;tag=887s",
		"<sips:bob@biloxi.example:5061>;tag=a;x=y",
		`"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1`,
		"<sip:vivekg@[2001:db8::9:1]:5060;transport=udp>;tag=6",
	}
	var all []string
	for i, u := range uris {
		for j, f := range addresses {
			to, _, _ := strings.Cut(addresses[(i+j)%len(addresses)], ";tag=")
			all = append(all, strings.Join([]string{
				"INVITE " + u + " SIP/2.0",
				"Via: SIP/2.0/UDP pc33.atlanta.example;branch=z9hG4bK776asdhds",
				"Max-Forwards: 70",
				"To: " + to,
				"From: " + f,
				"Call-ID: a84b4c76e66710@pc33.atlanta.example",
				"CSeq: 314159 INVITE",
				"Contact: <sip:alice@pc33.atlanta.example>",
				"Content-Length: 0",
				"", "",
			}, "\r\n"))
		}
	}
	return all
}

// TestAgainstSipgo compares our reading of well-formed requests with another
// parser's. Two differences are known and set aside:
//   - it keeps escapes in user parts and in quoted display names, so the corpus
//     has none (TestFrom and the torture messages have);
//   - its display name of a quoted string is raw.
func TestAgainstSipgo(t *testing.T) {
	for _, raw := range corpus() {
		var m Message
		if err := m.Parse(raw); err != nil {
			t.Fatalf("%v\n%s", err, raw)
		}
		parsed, err := sipgo.ParseMessage([]byte(raw))
		if err != nil {
			t.Fatalf("sipgo: %v\n%s", err, raw)
		}
		r, ok := parsed.(*sipgo.Request)
		if !ok {
			t.Fatalf("sipgo has no request\n%s", raw)
		}
		tag, _ := r.From().Params.Get("tag")
		want := reading{
			Method:  r.Method.String(),
			URI:     show("", theirs(&r.Recipient)),
			From:    show(r.From().DisplayName, theirs(&r.From().Address)),
			FromTag: tag,
			To:      show(r.To().DisplayName, theirs(&r.To().Address)),
			CallID:  r.CallID().Value(),
			CSeq:    r.CSeq().SeqNo,
		}
		if diff := cmp.Diff(want, readingOf(&m)); diff != "" {
			t.Errorf("-sipgo +ours\n%s\n%s", diff, raw)
		}
	}
}

func theirs(u *sipgo.Uri) URI {
	schemes := map[string]Scheme{"sip": SIP, "sips": SIPS}
	return URI{Scheme: schemes[u.Scheme], User: u.User, Host: u.Host}
}
