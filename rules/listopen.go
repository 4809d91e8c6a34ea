package rules

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"
)

// listOptions bound a list and tell how far its load is.
type listOptions struct {
	progress func(ListProgress) // nil: nobody is told
	plain    int                // rows of a number and no more up to which their lines are kept; 0: 1,000,000
	bytes    int64              // of an unpacked file; 0: 16 GiB
}

// ListProgress is how far the load of a list is.
type ListProgress struct {
	List        string
	File        string
	Done, Total int64 // bytes of the file; a large list is read twice
}

const (
	progressEvery = 200 * time.Millisecond
	shortestRow   = 4     // bytes: "+12" and the end of the line
	packedBest    = 1_032 // times that gzip makes a file smaller at most
)

func (o *listOptions) plainRows() int {
	if o.plain > 0 {
		return o.plain
	}
	return 1_000_000
}

func (o *listOptions) maxBytes() int64 {
	if o.bytes > 0 {
		return o.bytes
	}
	return 16 << 30
}

// listFile is an open list, unpacked.
type listFile struct {
	io.Reader
	file    *os.File
	info    fs.FileInfo
	options listOptions
	told    ListProgress
	next    time.Time // when progress is told again
	left    int64     // of the bytes that the unpacked file may have
	passes  int64
	began   time.Time
}

func (f *listFile) Close() error { return f.file.Close() }
func (f *listFile) size() int64  { return f.info.Size() }

func isPacked(name string) bool { return strings.HasSuffix(name, ".gz") }

// openList opens a regular file. Size and kind are those of what is open,
// whatever the name points to by then.
func openList(spec listSpec, o listOptions) (*listFile, error) {
	info, err := os.Stat(spec.File)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s cannot be read: %s", spec.File, cause(err))
	case info.IsDir():
		return nil, fmt.Errorf("%s is a directory, name a file", spec.File)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file, name one", spec.File)
	}
	file, err := os.Open(spec.File)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %s", spec.File, cause(err))
	}
	f := &listFile{file: file, options: o, passes: 1, began: time.Now(), told: ListProgress{List: spec.Name, File: spec.File}}
	f.info, err = file.Stat()
	switch {
	case err != nil:
	case !f.info.Mode().IsRegular():
		err = fmt.Errorf("%s is no regular file, name one", spec.File)
	case f.size() > o.maxBytes():
		err = fmt.Errorf("%s is larger than %d MB, split the list", spec.File, o.maxBytes()>>20)
	default:
		err = f.rewind()
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return f, nil
}

// rewind begins at the start of the file again.
func (f *listFile) rewind() error {
	if _, err := f.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	f.left = f.options.maxBytes()
	f.Reader = (*countedFile)(f)
	if isPacked(f.file.Name()) {
		unpacked, err := gzip.NewReader(bufio.NewReaderSize(f.Reader, maxLine))
		if err != nil {
			return fmt.Errorf("%s is not gzip: %w", f.file.Name(), err)
		}
		f.Reader = unpacked
	}
	return nil
}

// Read reads what is unpacked, as far as a list may go.
func (f *listFile) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if f.left -= int64(n); f.left < 0 {
		return 0, fmt.Errorf("it is larger than %d MB unpacked", f.options.maxBytes()>>20)
	}
	return n, err
}

// countedFile is the file as it is on the disk, telling how far it is read.
type countedFile listFile

func (c *countedFile) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.told.Done += int64(n)
	if c.options.progress != nil {
		if now := time.Now(); now.After(c.next) {
			if !c.next.IsZero() {
				c.told.Total = max(c.passes*c.info.Size(), c.told.Done)
				c.options.progress(c.told)
			}
			c.next = now.Add(progressEvery)
		}
	}
	return n, err
}

// done tells the end of a load that was told of before.
func (f *listFile) done() {
	if f.told.Total > 0 {
		f.told.Done = f.told.Total
		f.options.progress(f.told)
	}
}

// loaded ends the load of a list that is nil when it failed.
func (f *listFile) loaded(l *List, found []Diagnostic) (*List, []Diagnostic) {
	if l == nil {
		return nil, found
	}
	f.done()
	// What was written to just before or meanwhile is read again next time.
	if now, err := f.file.Stat(); err == nil && sameContent(f.info, now) && f.began.Sub(now.ModTime()) > settled {
		l.info = now
	}
	return l, found
}

// maybeLarge tells whether the file may have more plain rows than are kept with
// their lines.
func (f *listFile) maybeLarge() bool {
	size := f.info.Size()
	if isPacked(f.file.Name()) {
		size *= packedBest
	}
	return size > int64(f.options.plainRows())*shortestRow
}
