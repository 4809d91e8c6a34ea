package sidecar

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringfence/rules"
)

// reportLog makes the reports of users outlive a restart: each is a line of
// JSON, on the disk before it counts, and a start plays them again. When most of
// the file is history it is written anew.
type reportLog struct {
	errors atomic.Uint64
	log    *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	name   string
	file   *os.File
	size   int64 // of what is good
	torn   bool  // more than that is in the file
	living int64 // size after the last compaction
}

// openReports opens or makes the file and has the engine count what is in it.
func openReports(name string, engine *rules.Engine, log *slog.Logger, now func() time.Time) (*reportLog, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	l := &reportLog{log: log, now: now, name: name}
	reports, lines, err := livingReports(name, now())
	if err != nil {
		return nil, err
	}
	for _, r := range reports {
		engine.RestoreReport(r, now())
	}
	if l.file, l.size, err = openLines(name); err != nil {
		return nil, err
	}
	if l.living = l.size; lines > 2*len(reports) {
		l.compact()
	}
	return l, nil
}

// livingReports are those that count at that time, by when they were made: of
// each reporter the last about a number that was not taken back, with the note of
// the one before unless it has its own. It tells how many lines the file has; torn and foreign ones are passed over.
func livingReports(name string, at time.Time) (all []rules.UserReport, lines int, err error) {
	type said struct {
		number rules.Number
		by     string
	}
	living := map[said]rules.UserReport{}
	numbers := map[rules.Number][]string{} // who has reported it
	err = eachLine(name, func(line []byte) bool {
		lines++
		var r rules.UserReport
		if json.Unmarshal(line, &r) != nil || r.Number.IsZero() {
			return true
		}
		switch {
		case !r.Removed:
			earlier, again := living[said{r.Number, r.By}]
			if !again {
				numbers[r.Number] = append(numbers[r.Number], r.By)
			}
			r.Note = cmp.Or(r.Note, earlier.Note)
			living[said{r.Number, r.By}] = r
		case r.By == "":
			for _, by := range numbers[r.Number] {
				delete(living, said{r.Number, by})
			}
			delete(numbers, r.Number)
		default:
			delete(living, said{r.Number, r.By})
			numbers[r.Number] = slices.DeleteFunc(numbers[r.Number], func(by string) bool { return by == r.By })
		}
		return true
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	for _, r := range living {
		if r.At.After(at.Add(-rules.ReportsKept)) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b rules.UserReport) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Number.Key(), b.Number.Key()), cmp.Compare(a.By, b.By))
	})
	return all, lines, nil
}

// append brings a report to the disk, or leaves nothing of it.
func (l *reportLog) append(r rules.UserReport) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err = l.cut(); err == nil {
		l.torn = true
		if _, err = l.file.Write(append(line, '\n')); err == nil {
			err = l.file.Sync()
		}
	}
	if err != nil {
		l.errors.Add(1)
		return fmt.Errorf("the report does not count, for it cannot be kept: %w", errors.Join(err, l.cut()))
	}
	l.size += int64(len(line)) + 1
	l.torn = false
	if l.size > 2*l.living+reportsHistory {
		l.compact()
	}
	return nil
}

// cut takes off what a write that failed has left behind the last good line, and
// opens a file anew that was removed or replaced.
func (l *reportLog) cut() error {
	if !inPlace(l.file, l.name) {
		l.log.Error("user reports: the file was removed or replaced; what is in its place goes on", "file", l.name)
		if err := os.MkdirAll(filepath.Dir(l.name), 0o700); err != nil {
			return err
		}
		file, size, err := openLines(l.name)
		if err != nil {
			return err
		}
		_ = l.file.Close() // nothing of it is there any more
		l.file, l.size, l.torn = file, size, false
	}
	if !l.torn {
		return nil
	}
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	l.torn = false
	return l.file.Sync()
}

// compact writes the reports that count into a new file and puts it in place of
// the old one. When it fails the old one goes on.
func (l *reportLog) compact() {
	size := int64(0)
	reports, _, err := livingReports(l.name, l.now())
	var f *os.File
	if err == nil {
		f, err = replaceFile(l.name, func(w io.Writer) error {
			for _, r := range reports {
				line, err := json.Marshal(r)
				if err != nil {
					return err
				}
				size += int64(len(line)) + 1
				if _, err := w.Write(append(line, '\n')); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		l.errors.Add(1)
		l.living = l.size // and is not tried again at once
		l.log.Error("user reports: cannot write the file anew, the old one goes on", "err", err)
		return
	}
	old := l.file
	l.file, l.size, l.living, l.torn = f, size, size, false
	if err := errors.Join(old.Close(), syncFolder(filepath.Dir(l.name))); err != nil {
		l.errors.Add(1)
		l.log.Error("user reports: the new file may not outlive a crash of the machine", "err", err)
	}
}

// of are the reports of a number that count.
func (l *reportLog) of(n rules.Number) ([]rules.UserReport, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all, _, err := livingReports(l.name, l.now())
	if err != nil {
		return nil, err
	}
	of := []rules.UserReport{}
	for _, r := range all {
		if r.Number == n {
			of = append(of, r)
		}
	}
	return of, nil
}

// Close closes the file, when no report is made any more.
func (l *reportLog) Close() {
	if err := l.file.Close(); err != nil {
		l.log.Error("user reports: cannot close", "err", err)
	}
}

// Report takes down what a user says of a number: it is on the disk and counts
// for the next call when Report returns, or nothing of it is done. It tells how
// many reporters the number has then. The error of a report that is at fault is a
// rules.Diagnostics.
func (p *Program) Report(r rules.UserReport) (rules.UserReport, int, error) {
	r.At = p.now().UTC()
	r, reporters, err := p.engine.Report(r, p.reports.append)
	if err == nil {
		p.log.Info("number reported", "number", p.log.number(r.Number), "removed", r.Removed, "reporters", reporters, "by", r.Operator)
	}
	return r, reporters, err
}
