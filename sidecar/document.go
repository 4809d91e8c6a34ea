package sidecar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"ringfence/rules"
)

// document reads one YAML file strictly: each mapping states the keys it
// knows, and every fault is kept with its place, so that all come at once.
type document struct {
	file   string
	faults rules.Diagnostics
	places map[string]rules.Position // of each key and entry, by its path
}

// field is a key that a mapping knows.
type field struct {
	name string
	read func(subject string, n ast.Node)
}

// parse returns the root of the one document in data, nil when there is none
// or when it is no YAML; the fault is then recorded.
func (d *document) parse(data []byte) (root ast.Node) {
	file := rules.ParseYAML(d.file, data, &d.faults)
	if file == nil {
		return nil
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType && doc.Body.Type() != ast.DirectiveType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		d.faults = append(d.faults, rules.Diagnostic{File: d.file, Line: 1, Column: 1, Message: "the file is empty"})
		return nil
	case 1:
		return bodies[0]
	default:
		d.fault(bodies[1], "", "a second document in one file", "remove the --- line and what follows")
		return nil
	}
}

func place(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 1, 1
	}
	return t.Position.Line, t.Position.Column
}

// fault records what is wrong at n. The hint may be empty.
func (d *document) fault(n ast.Node, subject, message, hint string) {
	f := rules.Diagnostic{File: d.file, Line: 1, Column: 1, Subject: subject, Message: message, Hint: hint}
	if n != nil {
		f.Line, f.Column = place(start(n))
	}
	d.faults = append(d.faults, f)
}

// start is the first token of n; the token of a mapping itself is its colon.
func start(n ast.Node) *token.Token {
	switch v := n.(type) {
	case *ast.MappingNode:
		if !v.IsFlowStyle && len(v.Values) > 0 {
			return start(v.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return start(v.Key)
	}
	return n.GetToken()
}

// mapping reads the pairs of n by fields. subject is the path of n, empty for
// the root.
func (d *document) mapping(subject string, n ast.Node, fields ...field) {
	if absent(n) {
		return
	}
	m, ok := n.(ast.MapNode)
	if !ok {
		d.fault(n, subject, "want keys and values, not "+describe(n), "")
		return
	}
	seen := make(map[string]bool)
	for pairs := m.MapRange(); pairs.Next(); {
		key, value := pairs.Key(), pairs.Value()
		name := ""
		if t := key.GetToken(); t != nil {
			name = t.Value
		}
		path := join(subject, name)
		f, known := find(fields, name)
		switch {
		case !known:
			d.fault(key, subject, "unknown key "+strconv.Quote(name), rules.Suggest(name, names(fields)))
		case seen[name]:
			d.fault(key, path, "given twice", "keep one of the two")
		default:
			seen[name] = true
			d.mark(path, key)
			f.read(path, value)
		}
	}
}

// mark keeps the place of what path names.
func (d *document) mark(path string, n ast.Node) {
	if d.places == nil {
		d.places = make(map[string]rules.Position)
	}
	line, column := place(start(n))
	d.places[path] = rules.Position{File: d.file, Line: line, Column: column}
}

func names(fields []field) []string {
	words := make([]string, len(fields))
	for i, f := range fields {
		words[i] = f.name
	}
	return words
}

func find(fields []field, name string) (field, bool) {
	for _, f := range fields {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}

func join(subject, name string) string {
	if subject == "" {
		return name
	}
	return subject + "." + name
}

// list reads each entry of n; a single value stands for a list of one.
func (d *document) list(subject string, n ast.Node, read func(subject string, n ast.Node)) {
	if absent(n) {
		return
	}
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		read(subject, n)
		return
	}
	for i, entry := range s.Values {
		path := subject + "[" + strconv.Itoa(i) + "]"
		d.mark(path, entry)
		read(path, entry)
	}
}

// text is the words of a scalar as they were written, and false with a fault
// when n is none.
func (d *document) text(subject string, n ast.Node) (string, bool) {
	switch v := n.(type) {
	case *ast.StringNode:
		return v.Value, true
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	d.fault(n, subject, "want one value, not "+describe(n), "")
	return "", false
}

func (d *document) flag(subject string, n ast.Node, into *bool) {
	if absent(n) {
		return
	}
	b, ok := n.(*ast.BoolNode)
	if !ok {
		d.fault(n, subject, "want true or false, not "+describe(n), "")
		return
	}
	*into = b.Value
}

// count reads a whole number of at least least.
func (d *document) count(subject string, n ast.Node, least int, into *int) {
	d.scalar(subject, n, func(s string) error {
		v, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
		if err != nil || v < least {
			return fmt.Errorf("want a whole number of at least %d, not %q", least, s)
		}
		*into = v
		return nil
	})
}

// scalar hands the words of n to read and records its error. An empty value
// keeps the default.
func (d *document) scalar(subject string, n ast.Node, read func(string) error) {
	if absent(n) {
		return
	}
	s, ok := d.text(subject, n)
	if !ok {
		return
	}
	if err := read(s); err != nil {
		var h hinted
		errors.As(err, &h)
		d.fault(n, subject, err.Error(), h.hint)
	}
}

// hinted is an error with a cure.
type hinted struct{ message, hint string }

func (h hinted) Error() string { return h.message }

func (d *document) word(subject string, n ast.Node, into *string) {
	d.scalar(subject, n, func(s string) error { *into = s; return nil })
}

func absent(n ast.Node) bool { return n == nil || n.Type() == ast.NullType }

func describe(n ast.Node) string {
	switch v := n.(type) {
	case nil, *ast.NullNode:
		return "nothing"
	case ast.MapNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		return "an anchor, alias or tag"
	case *ast.StringNode:
		return strconv.Quote(v.Value)
	}
	return n.GetToken().Value
}
