package esl

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// Bounds of what a Decoder takes.
const (
	DefaultMaxMessage = 16 << 20 // bytes; `show channels as json` with 10,000 calls takes 9 MB
	largestMessage    = 1 << 30  // a span's offsets reach further
	maxHeader         = 8 << 20  // bytes of a message's headers; those of an answer to connect are about 8 kB, see DefaultMaxCall
)

const (
	smallBuffer = 512
	largeBuffer = 16 << 10
)

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// Decoder reads the messages of a switch. While it waits for one it holds no
// more than a small buffer; a larger one is borrowed until all that has arrived
// is decoded. It must not be copied, and is for one goroutine at a time.
type Decoder struct {
	source io.Reader
	max    int
	err    error // ends it

	buffer     []byte
	start, end int                // what is unread of buffer
	pooled     *[largeBuffer]byte // buffer's, if it is one of largeBuffers
	small      [smallBuffer]byte
}

// NewDecoder reads from source. A message may have up to max bytes, headers and
// body together; 0: DefaultMaxMessage.
func NewDecoder(source io.Reader, max int) *Decoder {
	d := &Decoder{}
	d.Reset(source, max)
	return d
}

// Reset makes d as NewDecoder would, in the same room.
func (d *Decoder) Reset(source io.Reader, max int) {
	if max <= 0 {
		max = DefaultMaxMessage
	}
	d.release()
	d.source, d.max, d.err = source, min(max, largestMessage), nil
}

// release gives the buffer back, and what is unread with it.
func (d *Decoder) release() {
	if d.pooled != nil {
		largeBuffers.Put(d.pooled)
		d.pooled = nil
	}
	d.buffer, d.start, d.end = d.small[:], 0, 0
}

// Decode waits for a message and reads it into e. The error is io.EOF when the
// input ends between two messages, and a *BodyError when a message was
// lost but the next can be decoded. Any other stays, whoever asks again.
func (d *Decoder) Decode(e *Event) error {
	e.Reset()
	if d.err != nil {
		return d.err
	}
	size, err := d.decode(e)
	if err != nil {
		if _, lost := err.(*BodyError); !lost {
			d.err = err
			d.release()
			e.Reset()
			return err
		}
		e.Reset()
	}
	if d.start += size; d.start == d.end {
		d.release()
	}
	return err
}

// Wait waits until a message has begun to arrive: one who holds no Event
// meanwhile takes one then. Its error is that of the Decode which follows.
func (d *Decoder) Wait() error {
	for d.err == nil && d.blank() {
		if err := d.read(1); err != nil {
			d.err = err
			d.release()
		}
	}
	return d.err
}

// blank passes over the line breaks before a message. If nothing else is there
// it gives the buffer back and tells so.
func (d *Decoder) blank() bool {
	for d.start < d.end && (d.buffer[d.start] == '\n' || d.buffer[d.start] == '\r') {
		d.start++
	}
	if d.start < d.end {
		return false
	}
	d.release()
	return true
}

// decode reads the next message into e and tells how many bytes it has.
func (d *Decoder) decode(e *Event) (size int, err error) {
	header, err := d.readHeader()
	if err != nil {
		return 0, err
	}
	block := d.buffer[d.start : d.start+header]
	if err = e.readFrame(block); err != nil {
		return 0, err
	}
	length, err := contentLength(e.fields, block)
	if err != nil {
		return 0, &FrameError{Cause: err.Error()}
	}
	if length > d.max-header {
		return 0, frameError("a message of %d bytes; at most %d are taken", header+length, d.max)
	}
	e.typ = typeOf(e.fields, block)
	size = header + length
	for d.end-d.start < size {
		if err = d.read(size); err != nil {
			return 0, midway(err)
		}
	}
	whole := d.buffer[d.start : d.start+size]
	switch body := whole[header:]; e.typ {
	case EventPlain:
		err = e.readPlain(body)
	case EventJSON:
		err = e.readJSON(body)
	case EventXML, LogData, Unknown:
		e.text = string(whole[:header])
	default:
		e.text = string(whole)
		e.body = span{uint32(header), uint32(size)}
	}
	return size, err
}

// readHeader waits for a header block and gives its length, the empty line at
// its end included. Empty lines before it are passed over.
func (d *Decoder) readHeader() (int, error) {
	searched, line := 0, 0 // from start: how far, and where a line begins
	for {
		if searched == 0 {
			d.blank()
		}
		lf := bytes.IndexByte(d.buffer[d.start+searched:d.end], '\n')
		if lf < 0 {
			searched = d.end - d.start
		} else {
			searched += lf + 1
		}
		if searched > maxHeader {
			return 0, frameError("more than %d bytes of headers", maxHeader)
		}
		if lf < 0 {
			if err := d.read(searched + 1); err != nil {
				if searched > 0 {
					err = midway(err)
				}
				return 0, err
			}
			continue
		}
		if len(trimCR(d.buffer[d.start+line:d.start+searched-1])) == 0 {
			return searched, nil
		}
		line = searched
	}
}

// read reads once, with room for a message of size bytes. The room grows as
// its bytes arrive: a length that is only claimed takes none.
func (d *Decoder) read(size int) error {
	if d.start > 0 && (d.start == d.end || d.end == len(d.buffer)) {
		d.end = copy(d.buffer, d.buffer[d.start:d.end])
		d.start = 0
	}
	if d.end == len(d.buffer) {
		d.grow(size)
	}
	for range 100 {
		n, err := d.source.Read(d.buffer[d.end:])
		d.end += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// grow makes a full buffer larger, for a message of size bytes.
func (d *Decoder) grow(size int) {
	old, pooled := d.buffer[d.start:d.end], d.pooled
	if len(d.buffer) < largeBuffer {
		d.pooled = largeBuffers.Get().(*[largeBuffer]byte)
		d.buffer = d.pooled[:]
	} else {
		d.pooled = nil
		d.buffer = make([]byte, max(min(size, 4*len(d.buffer)), 2*len(d.buffer)))
	}
	d.start, d.end = 0, copy(d.buffer, old)
	if pooled != nil {
		largeBuffers.Put(pooled)
	}
}

// midway is the error of a read within a message.
func midway(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func frameError(format string, args ...any) error {
	return &FrameError{Cause: fmt.Sprintf(format, args...)}
}

func trimCR(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }
