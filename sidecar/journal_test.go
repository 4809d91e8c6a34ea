package sidecar

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ringfence/rules"
)

var spamRule = &rules.Rule{ID: "spam", Ends: true, Action: rules.Block, Why: rules.Analytics}

// stopped is the n-th call of a test and its verdict.
func stopped(n int) (*rules.Call, *rules.Verdict) {
	number, err := rules.ParseNumber(spam)
	if err != nil {
		panic(err)
	}
	c := &rules.Call{At: time.Unix(int64(1_800_000_000+n), 0), CallID: fmt.Sprintf("call-%d", n)}
	return c, &rules.Verdict{ID: idOf(n), Action: rules.Block, Why: rules.Analytics, Code: 603, Phrase: "Network Blocked",
		Reason: []byte(`SIP;cause=603;text="<&>"`), Rule: spamRule, Caller: number}
}

// idOf is a decision id that grows with n.
func idOf(n int) rules.ID {
	id, ok := rules.ParseID(fmt.Sprintf("%08d%012d", n, n))
	if !ok {
		panic("no id")
	}
	return id
}

func openJournal(t *testing.T, c JournalConfig) *Journal {
	t.Helper()
	j, err := OpenJournal(c, slog.New(slog.DiscardHandler), func(n rules.Number) string { return n.String() })
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func lineCount(t *testing.T, file string) int {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		if !json.Valid(s.Bytes()) {
			t.Errorf("%s: line %d is no JSON: %s", file, n+1, s.Text())
		}
	}
	return n
}

func TestJournalRotates(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "sub", "journal.jsonl"), MaxSize: 4096, Keep: 3, Queue: 1000}
	j := openJournal(t, c)
	const calls = 200
	for n := range calls {
		recordCall(j, n)
	}
	j.Close()
	total := 0
	for i := range c.Keep + 1 {
		file := numbered(c.File, i)
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Size() > c.MaxSize || info.Size() == 0 {
			t.Errorf("%s has %d bytes, want at most %d", file, info.Size(), c.MaxSize)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", file, info.Mode())
		}
		total += lineCount(t, file)
	}
	if _, err := os.Stat(numbered(c.File, c.Keep+1)); !os.IsNotExist(err) {
		t.Errorf("a file too many: %v", err)
	}
	if info, err := os.Stat(filepath.Dir(c.File)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	// The newest are all there, the oldest gave way.
	for n := range calls {
		e, found, err := FindEntry(c.File, idOf(n))
		if err != nil {
			t.Fatal(err)
		}
		if want := n >= calls-total; found != want {
			t.Errorf("call %d: found %v, want %v", n, found, want)
		}
		if found && e.CallID != fmt.Sprintf("call-%d", n) {
			t.Errorf("call %d: entry of %s", n, e.CallID)
		}
	}
	if total >= calls || total < 20 {
		t.Errorf("%d of %d entries kept", total, calls)
	}
}

// recordCall records the n-th call of a test.
func recordCall(j *Journal, n int) {
	c, v := stopped(n)
	j.Record(c, v, nil, nil)
}

// A queue that is full drops what comes, counts it, says it and waits for
// nobody.
func TestJournalCountsWhatItDrops(t *testing.T) {
	log := new(lockedBuffer)
	j := newJournal(JournalConfig{Queue: 2}, slog.New(slog.NewTextHandler(log, nil)), nil)
	for n := range 5 {
		recordCall(j, n)
	}
	if got := j.dropped.Load(); got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
	j.sync()
	j.sync()
	if got := strings.Count(log.String(), "stopped calls not recorded"); got != 1 || !strings.Contains(log.String(), "calls=3") {
		t.Errorf("log %q, want one line about 3 calls", log)
	}
}

// A file that a crash has torn is read and written on.
func TestJournalSurvivesATornLine(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "journal.jsonl"), MaxSize: 1 << 20, Keep: 1, Queue: 10}
	j := openJournal(t, c)
	recordCall(j, 1)
	recordCall(j, 2)
	j.Close()
	data, err := os.ReadFile(c.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.File, data[:len(data)-20], 0o600); err != nil {
		t.Fatal(err)
	}
	j = openJournal(t, c)
	recordCall(j, 3)
	j.Close()
	for n, want := range map[int]bool{1: true, 2: false, 3: true} {
		if _, found, err := FindEntry(c.File, idOf(n)); found != want || err != nil {
			t.Errorf("call %d: found %v, %v; want %v", n, found, err, want)
		}
	}
}

// While the file cannot be written calls wait in the queue; nothing is lost
// once it can be.
func TestJournalWaitsForItsFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	c := JournalConfig{File: filepath.Join(dir, "journal.jsonl"), MaxSize: 20_000, Keep: 1, Queue: 1000}
	j := openJournal(t, c)
	folder := inTheWay(t, c)
	const calls = 100
	for n := range calls {
		recordCall(j, n)
	}
	await(t, "a failed write", func() bool { return j.errors.Load() > 0 })
	if info, err := os.Stat(c.File); err != nil || info.Size() > c.MaxSize {
		t.Errorf("%v, %v; want no more than the bound while the rotation fails", info.Size(), err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	await(t, "all written", func() bool { return j.written.Load() == calls })
	j.Close()
	for n := range calls {
		if _, found, err := FindEntry(c.File, idOf(n)); !found || err != nil {
			t.Errorf("call %d: found %v, %v", n, found, err)
		}
	}
}

// Somebody moves the file away: what comes next is in a new one.
func TestJournalOpensAMovedFileAnew(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "journal.jsonl"), MaxSize: 1 << 20, Keep: 1, Queue: 10}
	j := openJournal(t, c)
	defer j.Close()
	recordCall(j, 1)
	await(t, "the first line", func() bool { return j.written.Load() == 1 })
	if err := os.Rename(c.File, c.File+".moved"); err != nil {
		t.Fatal(err)
	}
	n := 1
	await(t, "a new file", func() bool {
		n++
		recordCall(j, n)
		_, err := os.Stat(c.File)
		return err == nil
	})
}

func TestFindEntryWithoutAJournal(t *testing.T) {
	if _, found, err := FindEntry(filepath.Join(t.TempDir(), "none"), idOf(1)); found || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("found %v, %v; want fs.ErrNotExist", found, err)
	}
	if _, _, err := FindEntry(t.TempDir(), idOf(1)); err == nil {
		t.Error("a folder is read as a journal")
	}
}

// Lines out of order over a rotation, foreign lines and endless ones.
func TestFindEntryReadsOddFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.jsonl")
	line := func(n int) string { return fmt.Sprintf(`{"id":"%s","rule":"r%d"}`+"\n", idOf(n), n) }
	write(t, filepath.Dir(file), map[string]string{
		"journal.jsonl":   line(5) + "not JSON " + idOf(6).String() + "\n" + strings.Repeat("x", 3*bufferSize) + "\n" + line(3) + line(7) + strings.TrimSpace(line(8)),
		"journal.jsonl.1": "\n" + line(1) + line(4) + line(2),
	})
	for n, want := range map[int]bool{1: true, 2: true, 3: true, 4: true, 5: true, 6: false, 7: true, 8: true, 9: false, 0: false} {
		e, found, err := FindEntry(file, idOf(n))
		if found != want || err != nil || found && e.Rule != fmt.Sprintf("r%d", n) {
			t.Errorf("call %d: %+v, found %v, %v; want %v", n, e, found, err, want)
		}
	}
}

func TestJournalRefusesWhatIsNoFile(t *testing.T) {
	_, err := OpenJournal(JournalConfig{File: t.TempDir(), MaxSize: 4096, Keep: 1, Queue: 1}, slog.New(slog.DiscardHandler), nil)
	if err == nil {
		t.Error("a folder is opened as a journal")
	}
	if _, _, err := openLines("/dev/null"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a device is opened as a journal: %v", err)
	}
}

// What a caller writes is bounded in the journal, and SIP's signs stay as they
// are.
func TestEntryIsBounded(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "journal.jsonl"), MaxSize: 1 << 20, Keep: 1, Queue: 10}
	j := openJournal(t, c)
	call, v := stopped(1)
	call.CallID = strings.Repeat("\x00\"", 30_000)
	v.Trunk = strings.Repeat("t", 1000)
	j.Record(call, v, nil, nil)
	call.CallID, v.Reason = "overwritten", append(v.Reason[:0], "overwritten"...)
	j.Close()
	data, err := os.ReadFile(c.File)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 4000 || strings.Contains(string(data), "overwritten") || !strings.Contains(string(data), `<&>`) {
		t.Errorf("%d bytes: %s", len(data), data)
	}
}

// inTheWay is a folder where a full journal would be moved to: the mode of a
// file keeps no root out.
func inTheWay(t *testing.T, c JournalConfig) string {
	t.Helper()
	folder := numbered(c.File, 1)
	if err := os.MkdirAll(filepath.Join(folder, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	return folder
}

// A stop with a journal that cannot be written says once that it cannot and
// once how many calls are lost, and takes no more of them into memory.
func TestJournalStopsWithoutItsFile(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "journal.jsonl"), MaxSize: 20_000, Keep: 1, Queue: 2000}
	log := new(lockedBuffer)
	j, err := OpenJournal(c, slog.New(slog.NewTextHandler(log, nil)), nil)
	if err != nil {
		t.Fatal(err)
	}
	inTheWay(t, c)
	const calls = 2000
	for n := range calls {
		recordCall(j, n)
	}
	j.Close()
	written := lineCount(t, c.File)
	if got := j.written.Load(); got != uint64(written) || written == 0 {
		t.Errorf("%d calls counted as written, the file has %d", got, written)
	}
	if got := strings.Count(log.String(), "cannot write"); got != 1 {
		t.Errorf("%d lines about the failure, want one", got)
	}
	if lost := fmt.Sprintf("stopped calls are lost\" calls=%d ", calls-written); strings.Count(log.String(), "\n") > 3 || !strings.Contains(log.String(), lost) {
		t.Errorf("log %q, want %q and at most two lines more", log, lost)
	}
	if got := cap(j.file.buffer); got > 2*bufferSize {
		t.Errorf("%d bytes in the buffer", got)
	}
}

// A failure is told when it begins and when it ends, not in between.
func TestJournalTellsAFailureOnce(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "journal.jsonl"), MaxSize: 4096, Keep: 1, Queue: 2}
	log := new(lockedBuffer)
	j := newJournal(c, slog.New(slog.NewTextHandler(log, nil)), nil)
	folder := inTheWay(t, c)
	const calls = 30
	for n := range calls {
		recordCall(j, n)
		j.write(<-j.queue)
	}
	for range 5 { // as each tick does
		for n := range 4 {
			recordCall(j, n)
		}
		j.flush()
		j.sync()
	}
	if got := strings.Count(log.String(), "\n"); got != 1 || j.errors.Load() < 5 {
		t.Errorf("%d errors, log %q; want one line", j.errors.Load(), log)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		j.flush()
		j.sync()
	}
	if got := log.String(); strings.Count(got, "\n") != 3 || !strings.Contains(got, "written again") || !strings.Contains(got, "not recorded\" calls=18") {
		t.Errorf("log %q, want one line more about the recovery and one about the calls that were dropped", got)
	}
	if got := j.written.Load(); got != calls {
		t.Errorf("%d written, want %d", got, calls)
	}
	if err := j.file.close(); err != nil {
		t.Error(err)
	}
}

// With a smaller keep the files beyond it go, and no others.
func TestJournalKeepsLess(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), "journal.jsonl"), MaxSize: 4096, Keep: 2, Queue: 10}
	files := make(map[string]string)
	for _, i := range []int{0, 1, 2, 3, 4, 5, 7} {
		files[filepath.Base(numbered(c.File, i))] = "{}\n"
	}
	files["journal.jsonl.3.gz"], files["journal.jsonl.old"] = "x", "x"
	write(t, filepath.Dir(c.File), files)
	log := new(lockedBuffer)
	open := func() {
		j, err := OpenJournal(c, slog.New(slog.NewTextHandler(log, nil)), nil)
		if err != nil {
			t.Fatal(err)
		}
		j.Close()
	}
	open()
	left, err := filepath.Glob(c.File + "*")
	if err != nil {
		t.Fatal(err)
	}
	for i := range left {
		left[i] = strings.TrimPrefix(filepath.Base(left[i]), "journal.jsonl")
	}
	if got, want := strings.Join(left, " "), " .1 .2 .3.gz .7 .old"; got != want { // .7 is behind a gap
		t.Errorf("left are %q, want %q", got, want)
	}
	if got := log.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "files=3 keep=2") {
		t.Errorf("log %q, want one line about 3 files", got)
	}
	if err := os.MkdirAll(filepath.Join(numbered(c.File, 3)), 0o700); err != nil {
		t.Fatal(err)
	}
	open()
	if info, err := os.Stat(numbered(c.File, 3)); err != nil || !info.IsDir() || !strings.Contains(log.String(), "cannot remove a file beyond keep") {
		t.Errorf("%v, log %q; want a folder to stay", err, log)
	}
}
