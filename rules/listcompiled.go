package rules

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"
	"unsafe"
)

// The compiled form of a list is a header and three sections, all integers in
// little-endian order:
//
//	0   8  magic
//	8   4  version
//	12  4  checksum: CRC-32C of the sections and then of the header from byte 16
//	16  8  size of the file
//	24  8  size of the section of rows
//	32  8  size of the section of blocks
//	40  8  size of the section of words
//
// The section of rows has all but the bulk, as varints and texts with their
// length before them; rows are read again as those of a text file are. The
// section of blocks has the number / blockSize of each block of the bulk and
// how many words it has; the words follow as they are in memory.
//
// It is read and not mapped: a mapped file that is cut short while it is in
// use would end the program.
const (
	compiledMagic   = "\x89RFL\r\n\x1a\n"
	compiledVersion = 1
	compiledHeader  = 48
	compiledName    = ".rfl"
)

const buildAgain = "build it again: ringfence list build"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// compiledSizes is the header from byte 16.
type compiledSizes struct{ File, Rows, Blocks, Words uint64 }

func (s *compiledSizes) bytes() []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, s) // fixed sizes cannot fail
	return b
}

// fits tells whether the sections fill the file.
func (s *compiledSizes) fits(file uint64) bool {
	const most = 1 << 40
	return s.File == file && s.Rows < most && s.Blocks < most && s.Words < most && s.Words%2 == 0 &&
		s.Rows+s.Blocks+s.Words+compiledHeader == file
}

// isCompiled tells whether the file begins as a compiled list does.
func (f *listFile) isCompiled() bool {
	var magic [len(compiledMagic)]byte
	_, err := f.file.ReadAt(magic[:], 0)
	return err == nil && string(magic[:]) == compiledMagic
}

// loadCompiled reads the compiled form.
func (l *listLoader) loadCompiled(in io.Reader, size int64) (*List, []Diagnostic) {
	if err := l.readCompiled(in, uint64(size)); err != nil {
		var d Diagnostic
		if !errors.As(err, &d) {
			d = Diagnostic{Message: "cannot be read: " + err.Error()}
		}
		d.File, d.Subject = l.list.File, l.subject
		return nil, []Diagnostic{d}
	}
	l.finish()
	if l.errors.d != nil {
		return nil, l.errors.all()
	}
	return l.list, nil
}

var errDamaged = Diagnostic{Message: "is damaged: what it holds does not fit its checksum", Hint: "copy it again, or " + buildAgain}

func (l *listLoader) readCompiled(in io.Reader, size uint64) error {
	var header [compiledHeader]byte
	n, err := io.ReadFull(in, header[:])
	if magic := min(n, len(compiledMagic)); string(header[:magic]) != compiledMagic[:magic] {
		return Diagnostic{Message: "is no compiled list, though it is named " + compiledName, Hint: buildAgain}
	}
	if n < compiledHeader {
		return cutShort(err, uint64(n), compiledHeader)
	}
	var sizes compiledSizes
	_, _ = binary.Decode(header[16:], binary.LittleEndian, &sizes) // it is as long as that
	switch version := binary.LittleEndian.Uint32(header[8:]); {
	case version != compiledVersion:
		return Diagnostic{Message: fmt.Sprintf("is a compiled list of version %d, this program reads version %d", version, compiledVersion), Hint: buildAgain + " with this program"}
	case size < sizes.File:
		return cutShort(io.ErrUnexpectedEOF, size, sizes.File)
	case !sizes.fits(size):
		return errDamaged
	}
	sum := crc32.New(castagnoli)
	if err := l.readSections(in, sum, &sizes); err != nil {
		return err
	}
	_, _ = sum.Write(header[16:]) // a hash does not fail
	if sum.Sum32() != binary.LittleEndian.Uint32(header[12:]) {
		return errDamaged
	}
	return nil
}

func cutShort(err error, have, want uint64) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return err
	}
	return Diagnostic{Message: fmt.Sprintf("is cut off after %d of %d bytes", have, want), Hint: "copy it again, or " + buildAgain}
}

// readSections takes what the sections hold. What it makes of a damaged file is
// of no use, and does no harm.
func (l *listLoader) readSections(in io.Reader, sum hash.Hash, sizes *compiledSizes) error {
	section := func(size uint64) *decoder {
		return &decoder{in: bufio.NewReaderSize(io.TeeReader(io.LimitReader(in, int64(size)), sum), maxLine)}
	}
	rows := section(sizes.Rows)
	if err := l.readRows(rows); err != nil {
		return err
	}
	if err := rows.end(); err != nil {
		return err
	}
	if sizes.Words == 0 && sizes.Blocks == 0 {
		return nil
	}
	l.bulk = newBulkBuilder()
	blocks := section(sizes.Blocks)
	words := uint64(0)
	for blocks.more() {
		key, n := blocks.uint(), blocks.uint()
		if n == 0 || n > bitmapWords || key > powers[maxGlobal]/blockSize {
			return blocks.fault()
		}
		l.bulk.add(key, uint32(n))
		words += n
	}
	if words*2 != sizes.Words || blocks.err != io.EOF {
		return blocks.fault()
	}
	if err := l.bulk.allocate(); err != nil {
		return Diagnostic{Message: err.Error(), Hint: "give the machine more, or split the list"}
	}
	if uint64(len(l.bulk.words)) != words {
		return errDamaged
	}
	if err := readWords(in, sum, l.bulk.words); err != nil {
		return err
	}
	var ok bool
	if l.list.bulk, ok = l.bulk.verified(); !ok {
		return errDamaged
	}
	l.bulk = nil
	return nil
}

// readWords fills words with what the file has of them.
func readWords(in io.Reader, sum hash.Hash, words []uint16) error {
	const chunk = 1 << 19
	for len(words) > 0 {
		part := words[:min(chunk, len(words))]
		bytes := bytesOf(part)
		if _, err := io.ReadFull(in, bytes); err != nil {
			return fmt.Errorf("it was cut short while it was read: %w", err)
		}
		_, _ = sum.Write(bytes) // a hash does not fail
		littleEndian(part)
		words = words[len(part):]
	}
	return nil
}

// readRows reads what is not in the bulk.
func (l *listLoader) readRows(d *decoder) error {
	subscribers := d.uint()
	switch {
	case subscribers > 1:
		return d.fault()
	case subscribers == 1 && l.list.Per == "":
		return Diagnostic{Message: "its rows are those of subscribers, but the list is declared for everybody", Hint: "declare it with per: callee"}
	case subscribers == 0 && l.list.Per != "":
		return Diagnostic{Message: "its rows are everybody's, but the list is declared with per: " + l.list.Per, Hint: "take per: out, or build it with --per " + l.list.Per}
	}
	l.list.origin = d.text()
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		word := d.text()
		why, _ := ParseWhy(word)
		detail := rowDetail{why: why, source: l.once([]byte(d.text())), note: l.once([]byte(d.text())), added: int64(d.uint()), expires: int64(d.uint())}
		if why.String() != word || detail == (rowDetail{}) || why != NoWhy && !why.ofRow() {
			return d.fault()
		}
		l.list.details = append(l.list.details, detail)
	}
	for n := d.uint(); n > 0 && d.err == nil; n-- {
		if !l.readRow(d, subscribers == 1) {
			return d.fault()
		}
	}
	return d.broken()
}

// readRow reads one row; false when it makes no sense.
func (l *listLoader) readRow(d *decoder, subscribers bool) bool {
	var subscriber uint64
	if subscribers {
		if subscriber = d.uint(); (Number{subscriber}).Kind() != Global || subscriber >= powers[maxGlobal] {
			return false
		}
	}
	line, detail := d.uint(), d.uint()
	e := entry{number: d.uint()}
	if e.number == 0 {
		text := d.text()
		if text == "" {
			return false
		}
		var message string
		if e, message, _ = l.row([]byte(text)); message != "" || e.number != 0 || e.String() != text || subscribers && e.network.IsValid() {
			return false
		}
	}
	if e.number >= powers[maxGlobal] || line > maxLines || detail >= uint64(len(l.list.details)) || len(l.list.rows) >= maxRows {
		return false
	}
	return l.addRow(e, subscriber, rowLine{key: e.number, line: int32(line), detail: int32(detail)}) == 0
}

// verified is the bulk when each block is as finish leaves it.
func (b *bulkBuilder) verified() (*bulk, bool) {
	for i := range b.counts {
		block := b.words[b.starts[i]:b.starts[i+1]]
		switch len(block) {
		case 0:
			continue
		case bitmapWords:
			lines := linesOf(block)
			b.size += lines.count()
			continue
		}
		for j := 1; j < len(block); j++ {
			if block[j] <= block[j-1] {
				return nil, false
			}
		}
		if block[len(block)-1] >= blockSize {
			return nil, false
		}
		b.size += len(block)
	}
	return b.bulk, true
}

// Origin is the name of the file that the lines of rows are in: of a compiled
// list that which it was built from.
func (l *List) Origin() string {
	if l.origin != "" {
		return l.origin
	}
	return l.File
}

// decoder reads a section.
type decoder struct {
	in  *bufio.Reader
	err error // the first
}

// broken is what is wrong with what was read, nil for nothing.
func (d *decoder) broken() error {
	if d.err != nil {
		return d.fault()
	}
	return nil
}

// fault is an error of the file, or that the section makes no sense.
func (d *decoder) fault() error {
	if d.err == nil || errors.Is(d.err, io.EOF) || errors.Is(d.err, io.ErrUnexpectedEOF) || strings.Contains(d.err.Error(), "overflow") {
		return errDamaged
	}
	return d.err
}

// more tells whether there is more of the section.
func (d *decoder) more() bool {
	if d.err == nil {
		_, d.err = d.in.Peek(1)
	}
	return d.err == nil
}

// end is an error unless the section is at its end.
func (d *decoder) end() error {
	if d.more() || d.err != io.EOF {
		return d.fault()
	}
	return nil
}

func (d *decoder) uint() uint64 {
	if d.err != nil {
		return 0
	}
	var n uint64
	n, d.err = binary.ReadUvarint(d.in)
	return n
}

// text reads at most what a line of a list holds.
func (d *decoder) text() string {
	n := d.uint()
	if d.err == nil && n > maxLine {
		d.err = io.ErrUnexpectedEOF
	}
	if d.err != nil {
		return ""
	}
	b := make([]byte, n)
	_, d.err = io.ReadFull(d.in, b)
	return string(b)
}

// bytesOf are the words as they are in memory.
func bytesOf(words []uint16) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 2*len(words))
}

// littleEndian makes words of what was read as their bytes.
func littleEndian(words []uint16) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		return
	}
	for i, b := 0, bytesOf(words); i < len(words); i++ {
		words[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
}
