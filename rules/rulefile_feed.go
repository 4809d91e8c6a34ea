package rules

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ringfence/rules/schema"
)

// Defaults and bounds of a feed.
const (
	feedEvery    = 24 * time.Hour
	feedEveryMin = time.Minute
	feedAges     = 3 // times every
	feedGuard    = 0.5
	feedSize     = 256 << 20
)

// feedKeys are what a list with url: can declare beside.
var feedKeys = schema.Keys{
	{Name: "url", Value: schema.Pattern("where it is fetched, in place of file; https, or http on loopback and with insecure", `^https?://[^/@ ]+(/[^ ]*)?$`)},
	{Name: "every", Value: schema.Pattern("how often it is fetched, as in 6h; 24h unless set", durationPattern)},
	{Name: "max_age", Value: schema.Pattern("a copy that was not confirmed for so long is stale, told and still used; three times every unless set", durationPattern)},
	{Name: "guard", Value: schema.Pattern("by how much it may shrink or grow at once, as in 50%, or off; 50% unless set", `^(off|[1-9][0-9]{0,3}%)$`)},
	{Name: "max_size", Value: schema.Pattern("of what comes, packed and unpacked, as in 256MB", `^[0-9]+ *[KMG]B$`)},
	{Name: "sha256", Value: schema.Pattern("checksum of what is sent", `^[0-9A-Fa-f]{64}$`)},
	{Name: "sha256_url", Value: schema.Pattern("where its checksum is, as sha256sum prints it", `^https?://[^/@ ]+(/[^ ]*)?$`)},
	{Name: "token_file", Value: schema.Text("file with a token for the publisher, relative to this file")},
	{Name: "header", Value: schema.Pattern("header for the token alone; unless set it is sent as Authorization: Bearer", namePattern)},
	{Name: "insecure", Value: schema.Yes("fetch by http, though anybody on the way can change what comes")},
}

// readFeed reads where a list comes from, nil for a list that is a file.
func (s *source) readFeed(doc *document, f fields, subject string) *Feed {
	if f["url"] == nil {
		for _, key := range feedKeys.Names() {
			if f[key] != nil {
				s.d.at(f[key].key, subject, key+" is for lists that are fetched", "add url:, or take it out")
			}
		}
		return nil
	}
	feed := &Feed{Every: feedEvery, Guard: feedGuard, MaxSize: feedSize, Insecure: doc.yes(f["insecure"], subject)}
	fault := func(key, message, hint string) { s.d.at(f[key].at, subject, message, hint) }
	address := func(key string) string {
		text := doc.text(f[key], subject)
		if message, hint := addressFault(text, feed.Insecure); text != "" && message != "" {
			fault(key, key+": "+message, hint)
			return ""
		}
		return text
	}
	feed.URL, feed.SHA256URL = address("url"), address("sha256_url")
	if f["file"] != nil {
		fault("file", "has a file and a url", "take one out; the copy of what is fetched is kept in the state folder")
	}
	if every := doc.duration(f["every"], subject); every > 0 {
		if feed.Every = every; every < feedEveryMin {
			fault("every", "is fetched too often", "write every: 1m or more")
		}
	}
	feed.MaxAge = feedAges * feed.Every
	if age := doc.duration(f["max_age"], subject); age > 0 {
		if feed.MaxAge = age; age < feed.Every {
			fault("max_age", "is stale before it is fetched again", "write a max_age of at least every")
		}
	}
	if text := doc.text(f["guard"], subject); text != "" {
		var ok bool
		if feed.Guard, ok = parseShare(text); !ok {
			fault("guard", fmt.Sprintf("%q is no guard", text), "write 50%, from 1% to 1000%, or off")
		}
	}
	if text := doc.text(f["max_size"], subject); text != "" {
		var ok bool
		if feed.MaxSize, ok = parseBytes(text); !ok {
			fault("max_size", fmt.Sprintf("%q is no size", text), "write 256MB or 2GB")
		}
	}
	if text := doc.text(f["sha256"], subject); text != "" {
		feed.SHA256 = strings.ToLower(text)
		if sum, err := hex.DecodeString(text); err != nil || len(sum) != 32 {
			fault("sha256", fmt.Sprintf("%q is no SHA-256", text), "write the 64 hexadecimal digits of sha256sum")
		} else if feed.SHA256URL != "" {
			fault("sha256", "has sha256 and sha256_url", "take one out")
		}
	}
	if file := doc.text(f["token_file"], subject); file != "" {
		if feed.TokenFile = file; !filepath.IsAbs(file) {
			feed.TokenFile = filepath.Join(filepath.Dir(doc.file), file)
		}
	}
	if feed.Header = doc.text(f["header"], subject); feed.Header != "" {
		if !isName(feed.Header) {
			fault("header", fmt.Sprintf("%q is no name of a header", feed.Header), "write its name alone, as in X-Api-Key")
		} else if feed.TokenFile == "" {
			fault("header", "a header without what goes in it", "add token_file:")
		}
	}
	return feed
}

// addressFault says what is wrong with an address, empty for nothing.
func addressFault(text string, insecure bool) (message, hint string) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Sprintf("%q is no address of a file on the web", text), "write https://example.com/list.csv"
	case u.User != nil:
		return "holds a user or a password", "put a token into a file and name it with token_file:"
	case u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()):
		return "anybody on the way can change what http brings", "write https, or insecure: true"
	}
	return "", ""
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// parseShare reads a percentage, or off as 0.
func parseShare(text string) (float64, bool) {
	if text == "off" {
		return 0, true
	}
	digits, ok := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(digits)
	return float64(n) / 100, ok && err == nil && n >= 1 && n <= 1000
}

// parseBytes reads a size such as 500KB, 256MB or 2GB, of 1024 each.
func parseBytes(text string) (int64, bool) {
	for unit, shift := range map[string]int{"KB": 10, "MB": 20, "GB": 30} {
		if digits, ok := strings.CutSuffix(text, unit); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 32)
			return n << shift, err == nil && n > 0 && n<<shift <= 64<<30
		}
	}
	return 0, false
}
