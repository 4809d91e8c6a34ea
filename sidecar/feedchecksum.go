package sidecar

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"

	"ringfence/rules"
)

// checksumLimit bounds a file of checksums in bytes.
const checksumLimit = 64 << 10

// check compares the checksum of what came with what the operator or the
// publisher says.
func (f *fetcher) check(ctx context.Context, d rules.Feed, got string) error {
	want := d.SHA256
	if d.SHA256URL != "" {
		answer, err := f.get(ctx, d, d.SHA256URL, nil)
		if err != nil {
			return fmt.Errorf("sha256_url: %w", err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("sha256_url: the publisher answers %s", answer.Status)
		}
		text, err := io.ReadAll(io.LimitReader(answer.Body, checksumLimit))
		if err != nil {
			return fmt.Errorf("sha256_url: %w", err)
		}
		if want = checksum(string(text), d.URL); want == "" {
			return errors.New("sha256_url: no SHA-256 of the list is in what came")
		}
	}
	if want != "" && want != got {
		return fmt.Errorf("the SHA-256 of what came is %s, not %s", got, want)
	}
	return nil
}

// checksum is that of the file at address, in what sha256sum prints: alone, or
// one file a line.
func checksum(text, address string) string {
	name := ""
	if u, err := url.Parse(address); err == nil {
		name = path.Base(u.Path)
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		sum := strings.ToLower(words[0])
		if b, err := hex.DecodeString(sum); err != nil || len(b) != sha256.Size {
			continue
		}
		if len(words) == 1 || path.Base(strings.TrimPrefix(words[1], "*")) == name {
			return sum
		}
	}
	return ""
}
