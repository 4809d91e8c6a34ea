package sidecar

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// rotated is an append-only file of lines with a bound: beyond limit bytes
// name becomes name.1, name.1 becomes name.2, and what would be name.(keep+1)
// goes. It is for one goroutine.
type rotated struct {
	name   string
	limit  int64
	keep   int
	file   *os.File
	full   bool  // file has its size; what is in buffer goes into the next
	size   int64 // of file, without buffer
	buffer []byte
	dirty  bool // something is written and not synced
}

// bufferSize is how much is written at once when lines come fast.
const bufferSize = 64 << 10

func (r *rotated) open() error {
	if err := os.MkdirAll(filepath.Dir(r.name), 0o700); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	f, size, err := openLines(r.name)
	if err != nil {
		return err
	}
	r.file, r.size = f, size
	return nil
}

// openLines opens a file of lines to append to. A line that a crash has torn
// is ended, so that the next one stands alone.
func openLines(name string) (*os.File, int64, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", name)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	size := info.Size()
	last := []byte{'\n'}
	if size > 0 {
		_, err = f.ReadAt(last, size-1)
	}
	if err == nil && last[0] != '\n' {
		_, err = f.Write([]byte{'\n'})
		size++
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("%s: %w", name, err), f.Close())
	}
	return f, size, nil
}

// append takes a line with its end. It stays in the buffer until flush, or
// until the buffer is full. After an error the line is in the buffer still.
func (r *rotated) append(line []byte) error {
	var err error
	held := int64(len(r.buffer)) // by the file that the line would go into
	if !r.full {
		held += r.size
	}
	if held > 0 && held+int64(len(line)) > r.limit {
		if err = r.flush(); err == nil {
			r.full = true
		}
	}
	r.buffer = append(r.buffer, line...)
	if err == nil && len(r.buffer) >= bufferSize {
		err = r.flush()
	}
	return err
}

// flush writes the buffer. What could not be written stays in it.
func (r *rotated) flush() error {
	if len(r.buffer) == 0 {
		return nil
	}
	if r.full {
		if err := r.rotate(); err != nil {
			return err
		}
		r.full = false
	}
	if r.file != nil && !inPlace(r.file, r.name) { // somebody has moved or removed it
		if err := r.close(); err != nil {
			return err
		}
	}
	if r.file == nil {
		if err := r.open(); err != nil {
			return err
		}
	}
	n, err := r.file.Write(r.buffer)
	r.size += int64(n)
	r.dirty = r.dirty || n > 0
	r.buffer = append(r.buffer[:0], r.buffer[n:]...)
	if err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	return nil
}

// rotate moves the files on, up to the first place that is free: what failed
// half-way and is tried again loses no file.
func (r *rotated) rotate() error {
	if err := r.close(); err != nil {
		return err
	}
	free := 1
	for free < r.keep {
		if _, err := os.Lstat(numbered(r.name, free)); err != nil {
			break
		}
		free++
	}
	for i := free; i > 0; i-- {
		if err := os.Rename(numbered(r.name, i-1), numbered(r.name, i)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// trim removes the files beyond keep that a larger one has left, up to the first
// place that is free, and tells how many.
func (r *rotated) trim() (int, error) {
	for i := r.keep + 1; ; i++ {
		name := numbered(r.name, i)
		info, err := os.Lstat(name)
		if err == nil && info.Mode().IsRegular() {
			err = os.Remove(name)
		} else if err == nil {
			err = fmt.Errorf("%s: not a regular file", name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		} else if err == nil {
			continue
		}
		return i - r.keep - 1, err
	}
}

// numbered is the name of the i-th file before the current one.
func numbered(name string, i int) string {
	if i == 0 {
		return name
	}
	return name + "." + strconv.Itoa(i)
}

// sync brings what is written to the disk.
func (r *rotated) sync() error {
	if r.file == nil || !r.dirty {
		return nil
	}
	if err := r.file.Sync(); err != nil {
		return fmt.Errorf("%s: %w", r.name, err)
	}
	r.dirty = false
	return nil
}

// inPlace tells whether name still leads to the open file. What is written to
// one that was removed or replaced is lost without an error.
func inPlace(file *os.File, name string) bool {
	open, err := file.Stat()
	if err != nil {
		return true // the write tells
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(open, named)
}

func (r *rotated) close() error {
	if r.file == nil {
		return nil
	}
	err := errors.Join(r.file.Sync(), r.file.Close())
	r.file, r.size, r.dirty = nil, 0, false
	return err
}
