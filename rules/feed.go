package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Feed declares that a list comes from afar. Somebody else fetches it; a ruleset
// loads the copy, as any list.
type Feed struct {
	List      string
	URL       string        // http or https
	Every     time.Duration // between two fetches
	MaxAge    time.Duration // beyond which the copy is stale
	Guard     float64       // share of its rows by which the copy may shrink or grow at once; 0: any
	MaxSize   int64         // bytes, as sent and as unpacked
	SHA256    string        // of what is sent, in lower-case hex; empty: not checked
	SHA256URL string        // who says it; empty: nobody
	TokenFile string        // empty: none
	Header    string        // of the request, for the token; empty: Authorization: Bearer
	Insecure  bool          // other hosts may be asked without TLS
	Copy      string        // file of the copy
	Pos       Position      // of the declaration

	empty bool // it may have no rows
}

// Source is the address without what may be secret in it: user and query.
func (f *Feed) Source() string {
	u, err := url.Parse(f.URL)
	if err != nil {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// Feeds are the feeds of all lists that have one, by name of the list.
func (rs *Ruleset) Feeds() []Feed { return rs.feeds }

// Awaits tells whether the ruleset was compiled before the first copy of that
// list was there.
func (rs *Ruleset) Awaits(list string) bool { return rs.awaited[list] }

// LoadCopy reads file as the list of that name would be read, or says all that
// is wrong with it as Diagnostics. It touches nothing that runs.
func (rs *Ruleset) LoadCopy(list, file string) (*List, error) {
	l := rs.List(list)
	if l == nil {
		return nil, fmt.Errorf("list %q: not declared", list)
	}
	spec := l.listSpec
	spec.File = file
	for i := range rs.feeds {
		if rs.feeds[i].List == list {
			spec.Empty = rs.feeds[i].empty // not as when it waited
		}
	}
	copied, findings := loadList(spec)
	if copied == nil {
		return nil, Diagnostics(findings)
	}
	return copied, nil
}

// feed notes the feed of a declared list and where its copy is.
func (rs *Ruleset) feed(decl *listDecl) {
	if decl.feed == nil {
		return
	}
	if rs.settings.Feeds != "" {
		decl.file = filepath.Join(rs.settings.Feeds, decl.name+".csv")
	}
	f := *decl.feed
	f.List, f.Copy, f.Pos, f.empty = decl.name, decl.file, decl.at, decl.empty
	rs.feeds = append(rs.feeds, f)
}

// loadFeed loads the copy of a feed. Without one the list is empty: a publisher
// who does not answer keeps nobody from starting.
func (rs *Ruleset) loadFeed(spec listSpec) (*List, []Diagnostic) {
	if _, err := os.Stat(spec.File); spec.File != "" && !errors.Is(err, fs.ErrNotExist) {
		return rs.loadList(spec)
	}
	if rs.awaited == nil {
		rs.awaited = make(map[string]bool)
	}
	rs.awaited[spec.Name] = true
	spec.Empty = true
	l := newListLoader(spec)
	l.warnings.d.at(spec.Pos, l.subject, "no copy has been fetched yet, so nothing is on it", "the running daemon fetches it; ringfence status says when and why not")
	return l.load(strings.NewReader(""))
}

// holdOff has a rule that stops calls for what is not on an awaited list only
// monitor: it would stop them all.
func (rs *Ruleset) holdOff(c *compiler, decl *ruleDecl, when *condition, subject string) {
	r := &decl.rule
	if len(rs.awaited) == 0 || when == nil || r.Mode != Enforce || !r.Ends || r.Action == Allow {
		return
	}
	when.walk(true, func(p *condition, positive bool) {
		if p.list != nil && !positive && rs.awaited[p.list.Name] && r.Mode == Enforce {
			r.Mode = Monitor
			c.warn.at(decl.at, subject, fmt.Sprintf("only monitors until the first copy of list %q is there", p.list.Name), "it stops calls for what is not on that list")
		}
	})
}
