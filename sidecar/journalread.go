package sidecar

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"

	"ringfence/rules"
)

// idTime is the part of a decision id that grows with time, in characters.
const idTime = 8

// FindEntry looks for a decision in the journal and its rotated files, the
// newest first, and tells whether it is there. Ids sort by time, so files that
// begin after the decision are asked last. A torn line is passed over. The error
// of a journal that has no file at all is fs.ErrNotExist.
func FindEntry(name string, id rules.ID) (Entry, bool, error) {
	var later []string
	missing, some := 0, false
	for i := 0; missing < 2; i++ { // one can be on its way to the next number
		file := numbered(name, i)
		first, err := firstID(file)
		if errors.Is(err, fs.ErrNotExist) {
			missing++
			continue
		}
		if err != nil {
			return Entry{}, false, err
		}
		missing, some = 0, true
		if len(first) >= idTime && first[:idTime] > id.String()[:idTime] {
			later = append(later, file)
			continue
		}
		if e, found, err := searchFile(file, id); found || err != nil {
			return e, found, err
		}
	}
	if !some {
		return Entry{}, false, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	for _, file := range later {
		if e, found, err := searchFile(file, id); found || err != nil {
			return e, found, err
		}
	}
	return Entry{}, false, nil
}

// firstID is the id in the first whole line of a journal file.
func firstID(file string) (string, error) {
	var first string
	err := eachLine(file, func(line []byte) bool {
		var e Entry
		if json.Unmarshal(line, &e) != nil {
			return true
		}
		first = e.ID
		return false
	})
	return first, err
}

func searchFile(file string, id rules.ID) (entry Entry, found bool, err error) {
	err = eachLine(file, func(line []byte) bool {
		var e Entry
		if !bytes.Contains(line, id[:]) || json.Unmarshal(line, &e) != nil || e.ID != id.String() {
			return true
		}
		entry, found = e, true
		return false
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return entry, found, err
}

// eachLine hands each line of a file to do, without its end, until do says
// false. A line that is too long to be ours is passed over.
func eachLine(file string, do func(line []byte) bool) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return linesOf(f, do)
}

// linesOf is eachLine of what is open.
func linesOf(r io.Reader, do func(line []byte) bool) error {
	b := bufio.NewReaderSize(r, bufferSize)
	for {
		line, err := b.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = b.ReadSlice('\n')
			}
		case !do(bytes.TrimRight(line, "\n")):
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
