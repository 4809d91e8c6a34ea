package sidecar

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"ringfence/rules"
)

// try fetches, checks and takes, or says why not. The result is one of
// feedResults.
func (f *feeds) try(ctx context.Context, d *feed) (result string, err error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return feedFailed, err
	}
	f.mu.Lock()
	declared, known := d.Feed, d.state
	f.mu.Unlock()
	if known.URL != declared.URL || !exists(declared.Copy) || known.Held != nil && !exists(f.file(declared, ".held")) {
		known = feedState{} // it would say that nothing has changed
	}
	name := f.file(declared, newSuffix)
	defer func() { _ = os.Remove(name) }() // unless it was taken
	got, err := f.fetcher.fetch(ctx, declared, known, name)
	if err != nil {
		return feedFailed, err
	}
	switch {
	case got.unchanged && known.Held != nil, !got.unchanged && known.Held != nil && got.sha256 == known.Held.SHA256:
		return feedHeld, fmt.Errorf("%d rows are held back since %s (ringfence list accept %s, if they are right)", known.Held.Rows, known.Held.Fetched.UTC().Format(time.RFC3339), declared.List)
	case got.unchanged, got.sha256 == known.SHA256:
		return feedUnchanged, f.confirm(d, known.SHA256, got)
	}
	list, err := f.ruleset().LoadCopy(declared.List, name)
	if err != nil {
		return feedFailed, brief(err)
	}
	f.mu.Lock()
	err = f.guard(d, list)
	f.mu.Unlock()
	if err != nil {
		return feedHeld, errors.Join(err, f.hold(d, got, list.Len(), name))
	}
	if err := f.take(d, got, name); err != nil {
		return feedFailed, err
	}
	f.log.Info("feed fetched", "list", declared.List, "url", declared.Source(), "rows", list.Len())
	return feedFetched, f.reload(ctx)
}

// brief is the first finding, and how many more there are.
func brief(err error) error {
	var d rules.Diagnostics
	if !errors.As(err, &d) || len(d) == 0 {
		return err
	}
	message := d[0].Message
	if d[0].Line > 0 {
		message = fmt.Sprintf("line %d: %s", d[0].Line, message)
	}
	if d[0].Hint != "" {
		message += " (" + d[0].Hint + ")"
	}
	if len(d) > 1 {
		message += fmt.Sprintf(", and %d more faults", len(d)-1)
	}
	return errors.New("what came is no list: " + message)
}

// confirm notes that the publisher has what the copy is. A copy that was held
// back is one that the publisher took back. What was accepted since the fetch
// began is another copy, of which it says nothing.
func (f *feeds) confirm(d *feed, sha256 string, got fetched) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d.state.SHA256 != sha256 {
		return nil
	}
	d.state.Confirmed = f.now()
	if !got.unchanged {
		d.state.ETag, d.state.Modified = got.etag, got.modified
	}
	f.unhold(d)
	return f.write(d)
}

// hold keeps what the guard has stopped.
func (f *feeds) hold(d *feed, got fetched, rows int, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := install(name, f.file(d.Feed, ".held")); err != nil {
		return err
	}
	d.state.Held = &HeldCopy{SHA256: got.sha256, Rows: rows, Fetched: f.now()}
	d.state.ETag, d.state.Modified = got.etag, got.modified
	return f.write(d)
}

func (f *feeds) unhold(d *feed) {
	if d.state.Held != nil {
		d.state.Held = nil
		_ = os.Remove(f.file(d.Feed, ".held")) // the next one overwrites it
	}
}

// take makes what was fetched the copy.
func (f *feeds) take(d *feed, got fetched, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := install(name, d.Copy); err != nil {
		return err
	}
	f.unhold(d)
	d.state = feedState{URL: d.URL, ETag: got.etag, Modified: got.modified, SHA256: got.sha256, Changed: f.now(), Confirmed: f.now()}
	return f.write(d)
}

// errNothingHeld is what accept says of a feed that waits for nobody.
var errNothingHeld = errors.New("nothing is held back")

// accept takes the copy that the guard holds back.
func (f *feeds) accept(ctx context.Context, list string) error {
	if err := f.release(list); err != nil {
		return fmt.Errorf("list %q: %w", list, err)
	}
	f.log.Warn("the held copy of the feed was accepted", "list", list)
	return f.reload(ctx)
}

func (f *feeds) release(list string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.feed[list]
	if d == nil {
		return errors.New("no list of this name is fetched")
	}
	held := d.state.Held
	if held == nil {
		return errNothingHeld
	}
	if err := install(f.file(d.Feed, ".held"), d.Copy); err != nil {
		return err
	}
	d.state.URL, d.state.SHA256, d.state.Changed, d.state.Confirmed, d.state.Held, d.err = d.URL, held.SHA256, held.Fetched, held.Fetched, nil, ""
	return f.write(d)
}
