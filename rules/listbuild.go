package rules

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ListSource is a list that no rule file declares.
type ListSource struct {
	File     string
	Country  string // whose national form its rows may have, ISO 3166-1 alpha-2 or empty
	Per      string // the attribute that its rows' subscribers are; empty: they are everybody's
	Empty    bool   // it may have no rows
	Progress func(ListProgress)
}

// ReadList reads a list. The error is a Diagnostics with all that is wrong;
// the list's Warnings are what does not keep it from loading.
func ReadList(s ListSource) (*List, error) {
	l, findings := loadListWith(listSpec{Name: filepath.Base(s.File), File: s.File, Country: s.Country, Per: s.Per, Empty: s.Empty}, listOptions{progress: s.Progress})
	if l == nil {
		return nil, Diagnostics(findings)
	}
	return l, nil
}

// Warnings are findings that do not keep the list from loading.
func (l *listContent) Warnings() []Diagnostic { return l.warnings }

// WriteCompiled writes the compiled form of the list, which ReadList and rule
// files read as any other, beside its place first and then with one rename: a
// reader finds the old file or the new one. Who may read the list's own file may
// read it, and nobody else. It does not take the place of the list's own file.
func (l *List) WriteCompiled(file string) (err error) {
	source, err := os.Stat(l.File)
	if err != nil {
		return err
	}
	switch place, err := os.Stat(file); {
	case err == nil && os.SameFile(source, place):
		return fmt.Errorf("%s is the list itself, which would be lost (name another file)", file)
	case isPacked(file):
		return fmt.Errorf("%s would be read as gzip (name it %s)", file, strings.TrimSuffix(filepath.Base(file), ".gz")+compiledName)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temporary.Name()))
		}
	}()
	err = errors.Join(l.writeCompiled(temporary), temporary.Chmod(source.Mode().Perm()), temporary.Sync(), temporary.Close())
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.Rename(temporary.Name(), file)
}

func (l *List) writeCompiled(file *os.File) error {
	if _, err := file.Seek(compiledHeader, io.SeekStart); err != nil {
		return err
	}
	sum := crc32.New(castagnoli)
	w := &encoder{out: bufio.NewWriterSize(io.MultiWriter(file, sum), 1<<20)}
	l.writeRows(w)
	sizes := compiledSizes{Rows: w.size}
	if l.bulk != nil {
		l.bulk.writeBlocks(w)
		sizes.Blocks = w.size - sizes.Rows
		l.bulk.writeWords(w)
		sizes.Words = w.size - sizes.Rows - sizes.Blocks
	}
	sizes.File = compiledHeader + w.size
	if err := errors.Join(w.err, w.out.Flush()); err != nil {
		return err
	}
	_, _ = sum.Write(sizes.bytes()) // a hash does not fail
	header := append([]byte(compiledMagic), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(header[8:], compiledVersion)
	binary.LittleEndian.PutUint32(header[12:], sum.Sum32())
	_, err := file.WriteAt(append(header, sizes.bytes()...), 0)
	return err
}

func (l *List) writeRows(w *encoder) {
	if l.Per != "" {
		w.uint(1)
	} else {
		w.uint(0)
	}
	w.text(filepath.Base(l.Origin()))
	w.uint(uint64(len(l.details) - 1))
	for _, d := range l.details[1:] {
		w.text(d.why.String())
		w.text(d.source)
		w.text(d.note)
		w.uint(uint64(d.added))
		w.uint(uint64(d.expires))
	}
	w.uint(uint64(len(l.rows)))
	for i, r := range l.rows {
		if l.Per != "" {
			w.uint(l.subscribers[i])
		}
		w.uint(uint64(r.line))
		w.uint(uint64(r.detail))
		if r.key&rawBit == 0 {
			w.uint(r.key)
		} else {
			w.uint(0)
			w.text(l.texts[r.key&^rawBit])
		}
	}
}

func (b *bulk) writeBlocks(w *encoder) {
	keys := make([]uint64, len(b.starts)-1-nanpBlocks)
	for key, at := range b.blocks {
		keys[at-nanpBlocks] = key
	}
	for i := range len(b.starts) - 1 {
		n := b.starts[i+1] - b.starts[i]
		if n == 0 {
			continue
		}
		if i < nanpBlocks {
			w.uint(nanpBlock + uint64(i))
		} else {
			w.uint(keys[i-nanpBlocks])
		}
		w.uint(uint64(n))
	}
}

func (b *bulk) writeWords(w *encoder) {
	var two [2]byte
	for _, word := range b.words {
		binary.LittleEndian.PutUint16(two[:], word)
		w.write(two[:])
	}
	runtime.KeepAlive(b) // with the memory that its words are in
}

// encoder writes the sections.
type encoder struct {
	out  *bufio.Writer
	size uint64
	err  error // the first
}

func (w *encoder) write(b []byte) {
	n, err := w.out.Write(b)
	w.size += uint64(n)
	if w.err == nil {
		w.err = err
	}
}

func (w *encoder) uint(n uint64) {
	var b [binary.MaxVarintLen64]byte
	w.write(b[:binary.PutUvarint(b[:], n)])
}

func (w *encoder) text(s string) {
	w.uint(uint64(len(s)))
	w.write([]byte(s))
}
