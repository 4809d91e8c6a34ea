package sidecar

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ringfence/rules"
)

// feedState is what is kept beside a copy.
type feedState struct {
	URL       string    `json:"url"`
	ETag      string    `json:"etag,omitempty"`          // of what was fetched last,
	Modified  string    `json:"last_modified,omitempty"` // the copy or what is held
	SHA256    string    `json:"sha256"`                  // of the copy as it was sent
	Changed   time.Time `json:"changed"`                 // when the copy was fetched
	Confirmed time.Time `json:"confirmed"`               // when its publisher last had the same
	Held      *HeldCopy `json:"held,omitempty"`
}

// HeldCopy is a copy that waits for `ringfence list accept`.
type HeldCopy struct {
	SHA256  string    `json:"sha256"`
	Rows    int       `json:"rows"`
	Fetched time.Time `json:"fetched"`
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func (f *feeds) file(d rules.Feed, suffix string) string {
	return filepath.Join(f.dir, d.List+suffix)
}

// read is the state beside a copy. What cannot be read is fetched again.
func (f *feeds) read(d rules.Feed) (s feedState) {
	data, err := readBounded(f.file(d, ".json"), 1<<16)
	if err == nil {
		err = json.Unmarshal(data, &s)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		f.log.Warn("state of the feed", "list", d.List, "err", err)
		return feedState{}
	}
	return s
}

// write keeps the state of d.
func (f *feeds) write(d *feed) error {
	data, err := json.MarshalIndent(d.state, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(f.file(d.Feed, ".json"), func(w io.Writer) error {
		_, err := w.Write(append(data, '\n'))
		return err
	})
}
