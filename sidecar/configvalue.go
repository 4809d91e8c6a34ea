package sidecar

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"ringfence/rules"
)

// choice reads one of the words and hands on which.
func (r *configReader) choice(subject string, n ast.Node, words []string, chosen func(int)) {
	r.scalar(subject, n, func(s string) error {
		i := slices.Index(words, s)
		if i < 0 {
			return hinted{fmt.Sprintf("unknown value %q", s), rules.Suggest(s, words)}
		}
		chosen(i)
		return nil
	})
}

// address reads an address to listen on, such as the example.
func (r *configReader) address(subject string, n ast.Node, example string, into *string) {
	r.scalar(subject, n, func(s string) error {
		*into = s
		return checkAddress(s, example)
	})
}

// name reads what things are called in logs, metrics and rules.
func (r *configReader) name(subject string, n ast.Node, into *string) {
	r.scalar(subject, n, func(name string) error {
		*into = name
		if strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			return hinted{fmt.Sprintf("%q has a space or a control character", name), "use letters, digits, - and _"}
		}
		return nil
	})
}

// networks replaces what stands there: a file that names clients names all.
func (r *configReader) networks(subject string, n ast.Node, into *[]netip.Prefix) {
	if absent(n) {
		return
	}
	*into = nil
	r.list(subject, n, func(subject string, n ast.Node) {
		r.scalar(subject, n, func(s string) error {
			p, err := parseNetwork(s)
			if err == nil {
				*into = append(*into, p)
			}
			return err
		})
	})
}

func (r *configReader) path(subject string, n ast.Node, into *string) {
	r.scalar(subject, n, func(s string) error {
		if s == "" {
			return hinted{"an empty path", "leave the key out for the default"}
		}
		*into = r.config.path(s)
		return nil
	})
}

func (r *configReader) paths(subject string, n ast.Node, into *[]string) {
	r.list(subject, n, func(subject string, n ast.Node) {
		var p string
		r.path(subject, n, &p)
		if p != "" {
			*into = append(*into, p)
		}
	})
}

func (r *configReader) size(subject string, n ast.Node, least int64, into *int64) {
	r.scalar(subject, n, func(s string) error {
		v, err := parseSize(s)
		if err == nil && v < least {
			err = fmt.Errorf("want at least %s bytes, not %q", strconv.FormatInt(least, 10), s)
		}
		if err == nil {
			*into = v
		}
		return err
	})
}

func (r *configReader) duration(subject string, n ast.Node, into *time.Duration) {
	r.scalar(subject, n, func(s string) error {
		d, err := parseDuration(s)
		if err == nil && d == 0 {
			err = hinted{"a timeout of zero", "leave the key out for the default"}
		}
		if err == nil {
			*into = d
		}
		return err
	})
}
