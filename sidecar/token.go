package sidecar

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"strings"
	"sync/atomic"
)

// secretLimit bounds a file with a token or a password in bytes.
const secretLimit = 4096

// readToken reads the bearer token of the admin listener.
func readToken(file string) (string, error) {
	return readSecret(file, "write one: openssl rand -hex 32 > "+file)
}

// readSecret reads a file that others must not read. The cure is that of an
// empty one.
func readSecret(file, cure string) (string, error) {
	f, info, err := openRegular(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if info.Mode().Perm()&0o007 != 0 {
		return "", fmt.Errorf("%s is open to every user of this machine (chmod o= %s)", file, file)
	}
	data, err := readOpen(f, secretLimit)
	if err != nil {
		return "", err
	}
	words := strings.TrimSpace(string(data))
	if words == "" {
		return "", fmt.Errorf("%s is empty (%s)", file, cure)
	}
	return words, nil
}

// secret is a token that can change while requests are compared with it. The
// zero secret fits nothing.
type secret struct {
	sum atomic.Pointer[[sha256.Size]byte]
}

// set takes a token; an empty one fits nothing.
func (s *secret) set(token string) {
	if token == "" {
		s.sum.Store(nil)
		return
	}
	sum := sha256.Sum256([]byte(token))
	s.sum.Store(&sum)
}

func (s *secret) known() bool { return s.sum.Load() != nil }

// fits compares in a time that tells nothing of the token.
func (s *secret) fits(token string) bool {
	want := s.sum.Load()
	if want == nil {
		return false
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(want[:], sum[:]) == 1
}
