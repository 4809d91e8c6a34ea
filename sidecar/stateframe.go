package sidecar

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	counters "ringfence/rules/state"
)

// A state file holds what was counted of the keys of one part of the state. It
// begins with a header and goes on with frames, each of which stands for itself:
//
//	header  8 bytes magic, 4 version, 16 seed of the keys, 4 CRC-32C of those
//	frame   4 bytes CRC-32C of the rest, 4 length of what follows, then
//	shape   1 byte 's', 3 its number, a shape as JSON, spaces up to whole words
//	record  1 byte 'r', 3 the number of its shape, 8 the upper half of its key, its words
//
// all little-endian, all in words of 4 bytes. A shape's number is good for the
// records behind it, until there is another of that number; of a key the last
// record counts. Files only grow, until they are written anew.
const (
	stateMagic   = "ringfst\n"
	stateVersion = 1

	headerBytes = len(stateMagic) + 4 + seedBytes + 4
	seedBytes   = 16
	frameBytes  = 8       // before what it holds
	mostFrame   = 1 << 18 // bytes that one holds; a record has half of that at most
	shapeFrame  = 's'
	recordFrame = 'r'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendHeader(b []byte, seed counters.Seed) []byte {
	begin := len(b)
	b = append(b, stateMagic...)
	b = binary.LittleEndian.AppendUint32(b, stateVersion)
	b = binary.LittleEndian.AppendUint64(b, seed[0])
	b = binary.LittleEndian.AppendUint64(b, seed[1])
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b[begin:], castagnoli))
}

// Why a header is none. One that is too short was never finished.
var (
	errTornHeader = errors.New("the file has no whole header")
	errForeign    = errors.New("no state file, or a damaged one")
)

func readHeader(r io.Reader) (seed counters.Seed, err error) {
	var b [headerBytes]byte
	switch _, err := io.ReadFull(r, b[:]); {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return seed, errTornHeader
	case err != nil:
		return seed, err
	case string(b[:len(stateMagic)]) != stateMagic:
		return seed, errForeign
	}
	if v := binary.LittleEndian.Uint32(b[len(stateMagic):]); v != stateVersion {
		return seed, fmt.Errorf("the file has version %d of its format, this ringfence has %d", v, stateVersion)
	}
	end := headerBytes - 4
	if crc32.Checksum(b[:end], castagnoli) != binary.LittleEndian.Uint32(b[end:]) {
		return seed, errForeign
	}
	at := end - seedBytes
	return counters.Seed{binary.LittleEndian.Uint64(b[at:]), binary.LittleEndian.Uint64(b[at+8:])}, nil
}

// appendFrame appends a frame with what fill appends.
func appendFrame(b []byte, kind byte, shape int, fill func([]byte) []byte) []byte {
	begin := len(b)
	b = append(b, make([]byte, frameBytes)...)
	b = binary.LittleEndian.AppendUint32(b, uint32(kind)|uint32(shape)<<8)
	b = fill(b)
	binary.LittleEndian.PutUint32(b[begin+4:], uint32(len(b)-begin-frameBytes))
	binary.LittleEndian.PutUint32(b[begin:], crc32.Checksum(b[begin+4:], castagnoli))
	return b
}

func appendShape(b []byte, number int, s *counters.Shape) []byte {
	text, err := json.Marshal(s)
	if err != nil { // of no shape that there is
		text = nil
	}
	for len(text)%4 != 0 {
		text = append(text, ' ')
	}
	return appendFrame(b, shapeFrame, number, func(b []byte) []byte { return append(b, text...) })
}

func appendRecord(b []byte, k counters.Key, shape int, words []uint32) []byte {
	return appendFrame(b, recordFrame, shape, func(b []byte) []byte {
		b = binary.LittleEndian.AppendUint64(b, k.Hi)
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		return b
	})
}

// frameReader reads the frames of a file behind its header, over what is damaged.
type frameReader struct {
	in   *bufio.Reader
	read int64 // bytes, of the header, too
	good int64 // where the last good frame ends
	lost int64 // bytes between good frames

	kind  byte
	shape int
	body  []byte // good until the next
}

func newFrameReader(r io.Reader) *frameReader {
	return &frameReader{in: bufio.NewReaderSize(r, 2*mostFrame), read: int64(headerBytes), good: int64(headerBytes)}
}

// next finds the next good frame; false at the end of the file. Where there is none
// it looks word by word for where one begins.
func (f *frameReader) next() (bool, error) {
	for {
		head, err := f.in.Peek(frameBytes + 4)
		if err != nil {
			f.read += int64(len(head))
			return false, unlessEnd(err)
		}
		length := int(binary.LittleEndian.Uint32(head[4:]))
		if length >= 4 && length <= mostFrame && length%4 == 0 {
			whole, err := f.in.Peek(frameBytes + length)
			if err = unlessEnd(err); err != nil {
				return false, err
			}
			if len(whole) == frameBytes+length && crc32.Checksum(whole[4:], castagnoli) == binary.LittleEndian.Uint32(whole) {
				f.lost += f.read - f.good
				f.read += int64(len(whole))
				f.good = f.read
				word := binary.LittleEndian.Uint32(whole[frameBytes:])
				f.kind, f.shape, f.body = byte(word), int(word>>8), whole[frameBytes+4:]
				_, err = f.in.Discard(len(whole)) // it stays in the buffer until the next is looked for
				return true, err
			}
		}
		n, err := f.in.Discard(4)
		f.read += int64(n)
		if err != nil {
			return false, unlessEnd(err)
		}
	}
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// record is what the frame holds; words are appended to those that are given.
func (f *frameReader) record(words []uint32) (hi uint64, _ []uint32, ok bool) {
	if len(f.body) < 8 {
		return 0, words, false
	}
	for at := 8; at < len(f.body); at += 4 {
		words = append(words, binary.LittleEndian.Uint32(f.body[at:]))
	}
	return binary.LittleEndian.Uint64(f.body), words, true
}

// asShape is the shape that the frame holds; false for one that says more than is
// known here, whose records cannot be read.
func (f *frameReader) asShape() (s counters.Shape, ok bool) {
	from := json.NewDecoder(bytes.NewReader(f.body))
	from.DisallowUnknownFields()
	err := from.Decode(&s)
	return s, err == nil
}
