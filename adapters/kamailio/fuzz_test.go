package kamailio

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

// nineLines is a well-formed answer about a call.
var nineLines = regexp.MustCompile(`\A1 (?:` +
	`(?:allow|divert)\n\n\n[0-9a-z]{20}\n\n\n[^\x00-\x1f\x7f]*\n(?:withhold)?\n[^\x00-\x1f\x7f]*\n` +
	`|block\n[4-6][0-9]{2}\n[^\x00-\x1f\x7f]+\n[0-9a-z]{20}\n[^\x00-\x1f\x7f]*\n[0-9]*\n[^\x00-\x1f\x7f]*\n(?:withhold)?\n\n)\z`)

// oneError is a well-formed error.
var oneError = regexp.MustCompile(`\Aringfence: [^\x00-\x1f\x7f]+\n\z`)

// FuzzHandle holds that no request, of any kind, gets anything but nine lines,
// their JSON or an error of one line, and no status that is not in the
// contract.
func FuzzHandle(f *testing.F) {
	f.Add("POST", callPath, benchQuery[1:], sipType, "", invite(spam))
	f.Add("POST", callPath, fullQuery[1:], formType, "", fullForm.Encode())
	f.Add("POST", callPath, "", applicationJSON, applicationJSON, fullJSON)
	f.Add("POST", outcomesPath, "", "text/plain", "", decisionID.String()+" 404 192.0.2.7 0 40 0 1 - Not Found\n")
	f.Add("POST", outcomesPath, "", applicationJSON, applicationJSON, `[{"id": 1}, {}]`)
	f.Add("GET", readyPath, "", "", "", "")
	h := NewHandler(plainDecider{}, Options{})
	f.Fuzz(func(t *testing.T, method, path, query, contentType, accept, body string) {
		var ctx fasthttp.RequestCtx
		ctx.Request.Header.SetMethod(method)
		ctx.Request.Header.SetContentType(contentType)
		ctx.Request.Header.Set(fasthttp.HeaderAccept, accept)
		ctx.Request.SetBodyString(body)
		ctx.Request.URI().SetPath(path)
		ctx.Request.URI().SetQueryString(query)
		h.Handle(&ctx)
		got := string(ctx.Response.Body())
		switch status := ctx.Response.StatusCode(); status {
		case 200:
			asked := string(ctx.Path())
			switch {
			case string(ctx.Response.Header.ContentType()) == applicationJSON:
				if !json.Valid([]byte(got)) || strings.Count(got, "\n") != 1 {
					t.Errorf("JSON %q", got)
				}
			case asked == callPath && !nineLines.MatchString(got):
				t.Errorf("answer %q", got)
			case asked == outcomesPath && !strings.HasPrefix(got, "counted "):
				t.Errorf("outcomes %q", got)
			}
		case 400, 404, 405, 413, 503:
			if !oneError.MatchString(got) {
				t.Errorf("%d %q", status, got)
			}
		default:
			t.Errorf("status %d", status)
		}
		if h.Counters().Panics.Load() > 0 && !strings.Contains(body, poison[1:]) {
			t.Error("a panic")
		}
	})
}

// FuzzQuery holds that decoding a query undoes encoding it, and that no pair of
// a query can reach into another.
func FuzzQuery(f *testing.F) {
	f.Add("192.0.2.7", "sip:+1 2@b?c=d&e", "a b+c%41")
	f.Add("", "%", "&src=x\r\n")
	f.Fuzz(func(t *testing.T, source, uri, account string) {
		var args fasthttp.Args
		args.Set("account", account)
		args.Set("src", source)
		args.Set("ruri", strings.ReplaceAll(uri, " ", ""))
		var p params
		p.text = string(p.decode(nil, args.QueryString(), isQueryKey))
		r := p.routing()
		if r.source != source || r.account != account || r.requestURI != strings.ReplaceAll(uri, " ", "") || r.port != "" || r.trunk != "" {
			t.Errorf("%q is %+v", args.QueryString(), r)
		}
	})
}

// TestSeeds tells when the committed seeds of the fuzz targets are gone.
func TestSeeds(t *testing.T) {
	for _, target := range []string{"FuzzHandle", "FuzzQuery"} {
		if files, err := os.ReadDir(filepath.Join("testdata", "fuzz", target)); err != nil || len(files) == 0 {
			t.Errorf("%s has no committed seed: %v", target, err)
		}
	}
}
