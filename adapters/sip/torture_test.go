package sip

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reading is what a test wants to have been read of a request. Addresses are
// "display|scheme user|host".
type reading struct {
	Method  string
	URI     string // address of the Request-URI, without a display name
	From    string
	FromTag string
	To      string
	CallID  string
	CSeq    uint32
}

func readingOf(m *Message) reading {
	return reading{
		Method:  m.Method,
		URI:     show("", ParseURI(m.RequestURI)),
		From:    show(m.From.Display, m.From.URI),
		FromTag: m.FromTag,
		To:      show(m.To.Display, m.To.URI),
		CallID:  m.CallID,
		CSeq:    m.CSeq,
	}
}

func show(display string, u URI) string {
	return display + "|" + [...]string{"", "sip ", "sips ", "tel ", "urn ", "other "}[u.Scheme] + u.User + "|" + u.Host
}

// torture is what we read of the messages of RFC 4475. Sections 3.1.1 are
// valid; the others are not, and what of them a switch may let pass is read as
// far as it goes.
var torture = []struct {
	file, section string
	err           error
	want          reading
}{
	{"wsinv", "3.1.1.1", nil, reading{"INVITE", "|sip vivekg|chair-dnrc.example.com", `J Rosenberg \"|sip jdrosen|example.com`, "98asjd8", "|sip vivekg|chair-dnrc.example.com", "wsinv.ndaksdj@192.0.2.1", 9}},
	// A NUL in a quoted string is valid SIP, but a switch cuts the request there.
	{"intmeth", "3.1.1.2", ErrNUL, reading{}},
	{"intmeth-without-nul", "3.1.1.2", nil, reading{"!interesting-Method0123456789_*+`.%indeed'~", "|sip 1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/|example.com", "token1~` token2'+_ token3*%!.-|sip mundane|example.com", "_token~1'+`*%!-.", "BEL:\x07 NUL:\x01 DEL:\x7f|sip 1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/|example.com", `intmeth2.word%ZK-!.*_+'@word` + "`~)(><:\\/\"][?}{", 139122385}},
	{"esc01", "3.1.1.3", nil, reading{"INVITE", "|sip sips:user@example.com|example.net", "|sip I have spaces|example.net", "938", "|sip user|example.com", "esc01.239409asdfakjkn23onasd0-3234", 234234}},
	{"escnull", "3.1.1.4", nil, reading{"REGISTER", "|sip |example.com", "|sip null-%00-null|example.com", "839923423", "|sip null-%00-null|example.com", "escnull.39203ndfvkjdasfkq3w4otrq0adsfdfnavd", 14398234}},
	{"esc02", "3.1.1.5", nil, reading{"RE%47IST%45R", "|sip |registrar.example.com", "%Z%45|sip resource|example.com", "f232jadfj23", "%Z%45|sip resource|example.com", "esc02.asdfnqwo34rq23i34jrjasdcnl23nrlknsdf", 29344}},
	{"lwsdisp", "3.1.1.6", nil, reading{"OPTIONS", "|sip user|example.com", "caller|sip caller|example.com", "323", "|sip user|example.com", "lwsdisp.1234abcd@funky.example.com", 60}},
	{"longreq", "3.1.1.7", nil, reading{"INVITE", "|sip user|example.com", "|sip " + strings.Repeat("amazinglylongcallername", 5) + "|example.net", "12" + strings.Repeat("982", 50) + "424", "I have a user name of " + strings.Repeat("extreme", 10) + " proportion|sip user|example.com", "longreq.one" + strings.Repeat("really", 20) + "longcallid", 3882340}},
	{"dblreq", "3.1.1.8", nil, reading{"REGISTER", "|sip |example.com", "|sip j.user|example.com", "43251j3j324", "|sip j.user|example.com", "dblreq.0ha0isndaksdj99sdfafnl3lk233412", 8}},
	{"semiuri", "3.1.1.9", nil, reading{"OPTIONS", "|sip user|example.com", "|sip caller|example.org", "33242", "|sip j_user|example.com", "semiuri.0ha0isndaksdj", 8}},
	{"transports", "3.1.1.10", nil, reading{"OPTIONS", "|sip user|example.com", "|sip caller|example.com", "323", "|sip user|example.com", "transports.kijh4akdnaqjkwendsasfdj", 60}},
	{"unreason", "3.1.1.12", ErrNotRequest, reading{}}, // a response

	{"badinv01", "3.1.2.1", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "134161461246", "|sip j.user|example.com", "badinv01.0ha0isndaksdjasdf3234nas", 8}},
	{"clerr", "3.1.2.2", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "93942939o2", "|sip j.user|example.com", "clerr.0ha0isndaksdjweiafasdk3", 8}},
	{"ncl", "3.1.2.3", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "32394234", "|sip j.user|example.com", "ncl.0ha0isndaksdj2193423r542w35", 0}},
	{"scalar02", "3.1.2.4", nil, reading{"REGISTER", "|sip |example.com", "|sip user|example.com", "239232jh3", "|sip user|example.com", "scalar02.23o0pd9vanlq3wnrlnewofjas9ui32", 0}},
	{"quotbal", "3.1.2.6", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "93334", `"Mr. J. User|sip j.user|example.com`, "quotbal.aksdj", 8}},
	{"ltgtruri", "3.1.2.7", nil, reading{"INVITE", "||", "|sip caller|example.net", "39291", "|sip user|example.com", "ltgtruri.1@192.0.2.5", 1}},
	{"lwsruri", "3.1.2.8", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "231413434", "|sip user|example.com", "lwsruri.asdfasdoeoi2323-asdfwrn23-asd834rk423", 2130706432}},
	{"lwsstart", "3.1.2.9", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "8814", "|sip user|example.com", "lwsstart.dfknq234oi243099adsdfnawe3@example.com", 1893884}},
	{"trws", "3.1.2.10", nil, reading{"OPTIONS", "|sip remote-target|example.com", "|sip local-resource|example.com", "329429089", "|sip remote-target|example.com", "trws.oicu34958239neffasdhr2345r", 238923}},
	{"escruri", "3.1.2.11", nil, reading{"INVITE", "|sip user|example.com", "|sip caller|example.net", "341518", "|sip user|example.com", "escruri.23940-asdfhj-aje3br-234q098w-fawerh2q-h4n5", 149209342}},
	{"regbadct", "3.1.2.13", nil, reading{"REGISTER", "|sip |example.com", "|sip user|example.com", "998332", "|sip user|example.com", "regbadct.k345asrl3fdbv@10.0.0.1", 1}},
	{"badaspec", "3.1.2.14", nil, reading{"OPTIONS", "|sip user|example.org", "Bell, Alexander|sip a.g.bell|example.com", "433423", "Watson, Thomas|sip t.watson|example.org", "badaspec.sdf0234n2nds0a099u23h3hnnw009cdkne3", 3923239}},
	{"baddn", "3.1.2.15", nil, reading{"OPTIONS", "|sip t.watson|example.org", "Bell, Alexander|sip a.g.bell|example.com", "43", "Watson, Thomas|sip t.watson|example.org", "baddn.31415@c.example.com", 3923239}},
	{"badvers", "3.1.2.16", nil, reading{"OPTIONS", "|sip t.watson|example.org", "A. Bell|sip a.g.bell|example.com", "qweoiqpe", "T. Watson|sip t.watson|example.org", "badvers.31417@c.example.com", 1}},
	{"mismatch02", "3.1.2.18", nil, reading{"NEWMETHOD", "|sip user|example.com", "|sip caller|example.net", "34525", "|sip j.user|example.com", "mismatch02.dj0234sxdfl3", 8}},
	{"bigcode", "3.1.2.19", ErrNotRequest, reading{}}, // a response

	{"insuf", "3.3.1", ErrNoFrom, reading{}},
	{"unkscm", "3.3.2", nil, reading{"OPTIONS", "|other |", "|sip caller|example.net", "384", "|sip user|example.com", "unkscm.nasdfasser0q239nwsdfasdkl34", 3923423}},
	{"novelsc", "3.3.3", nil, reading{"OPTIONS", "|other |", "|sip caller|example.net", "384", "|sip user|example.com", "novelsc.asdfasser0q239nwsdfasdkl34", 3923423}},
	{"unksm2", "3.3.4", nil, reading{"REGISTER", "|sip |example.com", "|other |", "3234233", "|other |", "unksm2.daksdj@hyphenated-host.example.com", 234902}},
	{"regaut01", "3.3.7", nil, reading{"REGISTER", "|sip |example.com", "|sip j.user|example.com", "87321hj23128", "|sip j.user|example.com", "regaut01.0ha0isndaksdj", 9338}},
	// Of what may stand once, the first counts, as in a switch.
	{"multi01", "3.3.8", nil, reading{"INVITE", "|sip user|company.com", "|sip caller|example.com", "3413415", "|sip user|example.com", "multi01.98asdh@192.0.2.1", 5}},
	{"mcl01", "3.3.9", nil, reading{"OPTIONS", "|sip user|example.com", "|sip other|example.net", "3923942", "|sip user|example.com", "mcl01.fhn2323orihawfdoa3o4r52o3irsdf", 15932}},
	{"zeromf", "3.3.11", nil, reading{"OPTIONS", "|sip user|example.com", "|sip caller|example.net", "3ghsd41", "|sip user|example.com", "zeromf.jfasdlfnm2o2l43r5u0asdfas", 39234321}},
	{"cparam01", "3.3.12", nil, reading{"REGISTER", "|sip |example.com", "|sip watson|example.com", "DkfVgjkrtMwaerKKpe", "|sip watson|example.com", "cparam01.70710@saturn.example.com", 2}},
	{"inv2543", "3.4.1", nil, reading{"INVITE", "|sip UserB|example.com", "|sip +13035551111|ift.client.example.net", "", "|sip +16505552222|ss1.example.net", "inv2543.1717@ift.client.example.com", 56}},
}

func TestTorture(t *testing.T) {
	named := map[string]bool{}
	var m Message
	for _, c := range torture {
		named[c.file+".sip"] = true
		err := m.Parse(tortureFile(t, c.file))
		if !errors.Is(err, c.err) {
			t.Errorf("%s (RFC 4475 %s): error %v, want %v", c.file, c.section, err, c.err)
			continue
		}
		if err != nil {
			continue
		}
		if diff := cmp.Diff(c.want, readingOf(&m)); diff != "" {
			t.Errorf("%s (RFC 4475 %s): -want +got\n%s", c.file, c.section, diff)
		}
	}
	files, err := filepath.Glob("testdata/torture/*.sip")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(torture) {
		t.Errorf("%d files, %d of them in the table", len(files), len(torture))
	}
	for _, f := range files {
		if !named[filepath.Base(f)] {
			t.Errorf("%s is not in the table", f)
		}
	}
}

// TestTortureHeaders looks at what else the messages hold.
func TestTortureHeaders(t *testing.T) {
	for _, c := range []struct{ file, name, want string }{
		{"wsinv", "NewFangledHeader", "newfangled value continued newfangled value"},
		{"wsinv", "Subject", ""},
		{"wsinv", "via", "SIP  /   2.0 /UDP 192.0.2.2;branch=390skdjuw"},
		{"wsinv", "Contact", `"Quoted string \"\"" <sip:jdrosen@example.com> ; newparam = newvalue ; secondparam ; q = 0.33`},
		{"wsinv", "UnknownHeaderWithUnusualValue", ";;,,;;,;"},
		{"intmeth-without-nul", "extensionheader-!.%*+_`'~", "\ufeff大停電"},
		{"esc01", "c", "application/sdp"},
		{"esc02", "Contact", "<sip:alias1@host1.example.com>"},
		{"esc02", "C%6Fntact", "<sip:alias2@host2.example.com>"},
		{"semiuri", "Accept", "application/sdp, application/pkcs7-mime, multipart/mixed, multipart/signed, message/sip, message/sipfrag"},
		{"regaut01", "Content-Length", "0"},
	} {
		var m Message
		if err := m.Parse(tortureFile(t, c.file)); err != nil {
			t.Fatal(c.file, err)
		}
		if got, ok := m.Header(c.name); !ok || got != c.want {
			t.Errorf("%s: %s is %q, %v; want %q", c.file, c.name, got, ok, c.want)
		}
	}
}

func tortureFile(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "torture", name+".sip"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
