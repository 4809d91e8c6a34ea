package rules

import (
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"ringfence/rules/schema"
)

// document is one YAML file that is read strictly: every key is known, every
// value has its type, and every finding has its place.
type document struct {
	file  string
	data  []byte
	holds string // what a file without it is empty of: rules, tests
	d     *Diagnostics
	lines []string
}

// field is one value of a mapping or a sequence.
type node struct {
	name string   // its key
	key  Position // of the key; that of the value in a sequence
	at   Position // of the value
	raw  ast.Node
}

type fields map[string]*node

// unknownKey is the last of the keys that are not known.
const unknownKey = ""

// lacks tells whether a key is missing, and not for being misspelled.
func (f fields) lacks(key string) bool { return f[key] == nil && f[unknownKey] == nil }

// scalar is a text with its place, to point into it.
type scalar struct {
	text   string
	at     Position
	doc    *document
	block  bool       // a block scalar: the text begins on the line after at
	places []Position // of each character, once point was asked
}

// parse is the root of the only document in the file.
func (y *document) parse() (root *node, ok bool) {
	whole := Position{File: y.file}
	file := ParseYAML(y.file, y.data, y.d)
	if file == nil {
		return nil, false
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		switch doc.Body.Type() {
		case ast.CommentType, ast.NullType, ast.DirectiveType:
		default:
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		hint := ""
		if y.holds == "rules" {
			hint = "an empty file would switch screening off"
		}
		y.d.at(whole, "", "no "+y.holds+" in this file", hint)
		return nil, false
	case 1:
		return y.value("", bodies[0]), true
	}
	y.d.at(y.place(bodies[1]), "", "a second document in one file", "put it into a file of its own")
	return nil, false
}

func (y *document) value(name string, n ast.Node) *node {
	at := y.place(n)
	return &node{name: name, key: at, at: at, raw: n}
}

// place is where n begins.
func (y *document) place(n ast.Node) Position {
	t := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		t = m.Values[0].Key.GetToken()
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		t = v.Key.GetToken()
	}
	if t == nil || t.Position == nil {
		return Position{File: y.file}
	}
	return Position{y.file, t.Position.Line, t.Position.Column}
}

// fields are the values of a mapping by key. Unknown and repeated keys are
// findings, and fields with such are not searched for missing ones: the author
// meant one of them. ok is false when n is no mapping.
func (y *document) fields(n *node, subject string, keys schema.Keys) (f fields, ok bool) {
	known := keys.Names()
	m, ok := n.raw.(ast.MapNode)
	if !ok {
		y.d.at(n.at, subject, "want keys and values, got "+kindOf(n.raw), "known: "+strings.Join(known, ", "))
		return nil, false
	}
	f = make(fields)
	all, whole := y.pairs(m, subject)
	if !whole {
		f[unknownKey] = n
	}
	for _, e := range all {
		if !containsWord(known, e.name) {
			y.d.at(e.key, subject, fmt.Sprintf("unknown key %q", shorten(e.name)), didYouMean(e.name, known))
			f[unknownKey] = e
			continue
		}
		if f[e.name] != nil {
			y.d.at(e.key, subject, fmt.Sprintf("%s is given twice", e.name), "keep one")
			continue
		}
		f[e.name] = e
	}
	return f, true
}

// pairs are the members of a mapping in order, and whether each key was a word.
func (y *document) pairs(m ast.MapNode, subject string) (all []*node, whole bool) {
	whole = true
	for i := m.MapRange(); i.Next(); {
		key, ok := i.Key().(*ast.StringNode)
		if !ok {
			at := y.place(i.Key())
			y.d.at(at, subject, "a key must be a plain word, got "+kindOf(i.Key()), "")
			whole = false
			continue
		}
		e := y.value(key.Value, i.Value())
		e.key = y.place(key)
		all = append(all, e)
	}
	return all, whole
}

// members are the values of a mapping whose keys are names.
func (y *document) members(n *node, subject string) []*node {
	if n == nil {
		return nil
	}
	m, ok := n.raw.(ast.MapNode)
	if !ok {
		y.d.at(n.at, subject, "want names and what they stand for, got "+kindOf(n.raw), "")
		return nil
	}
	all, _ := y.pairs(m, subject)
	return all
}

// entries are the named members of a mapping such as lists.
func (y *document) entries(n *node, subject string) []*node {
	all := y.members(n, subject)
	for _, e := range all {
		if !isName(e.name) {
			y.d.at(e.key, subject, fmt.Sprintf("%q is no name", e.name), "letters, digits, dots, dashes and underscores, at most 64")
		}
	}
	return all
}

// items are the members of a sequence that must not be empty.
func (y *document) items(n *node, subject string) []*node {
	if n == nil {
		return nil
	}
	seq, ok := n.raw.(*ast.SequenceNode)
	if !ok {
		if n.name != "" && n.name != subject {
			subject += ": " + n.name
		}
		y.d.at(n.at, subject, "want a list, got "+kindOf(n.raw), "begin each entry with -, or write [a, b]")
		return nil
	}
	all := make([]*node, len(seq.Values))
	for i, v := range seq.Values {
		all[i] = y.value(n.name, v)
	}
	if len(all) == 0 {
		message := "is empty"
		if subject != n.name {
			message = n.name + " " + message
		}
		y.d.at(n.at, subject, message, "")
	}
	return all
}

// scalar is the text of a value, empty after a finding.
func (y *document) scalar(n *node, subject string) scalar {
	if n == nil {
		return scalar{}
	}
	s := scalar{at: n.at, doc: y}
	switch v := n.raw.(type) {
	case *ast.StringNode:
		s.text = v.Value
	case *ast.LiteralNode:
		s.text, s.block = v.Value.Value, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		s.text = n.raw.GetToken().Value
	default:
		y.d.at(n.at, subject, n.label()+"want text, got "+kindOf(n.raw), "")
		return s
	}
	if strings.TrimSpace(s.text) == "" {
		y.d.at(n.at, subject, n.label()+"is empty", "")
		s.text = ""
	}
	return s
}

// label is the key in front of a message.
func (n *node) label() string {
	if n.name == "" {
		return ""
	}
	return n.name + ": "
}

func (y *document) text(n *node, subject string) string { return y.scalar(n, subject).text }

// yes reads a key that is written only to say true.
func (y *document) yes(n *node, subject string) bool {
	if n == nil {
		return false
	}
	if b, ok := n.raw.(*ast.BoolNode); ok && b.Value {
		return true
	}
	y.d.at(n.at, subject, n.name+" can only be true", "leave the key out otherwise")
	return false
}

func (y *document) integer(n *node, subject string) (int, bool) {
	if i, ok := n.raw.(*ast.IntegerNode); ok {
		switch v := i.Value.(type) {
		case uint64:
			if v < 1<<31 {
				return int(v), true
			}
		case int64:
			if v > -1<<31 && v < 1<<31 {
				return int(v), true
			}
		}
	}
	y.d.at(n.at, subject, n.label()+"want a whole number, got "+kindOf(n.raw), "digits without quotes")
	return 0, false
}

func (y *document) duration(n *node, subject string) time.Duration {
	text := y.text(n, subject)
	if text == "" {
		return 0
	}
	d, ok := parseDuration(text)
	if !ok {
		y.d.at(n.at, subject, fmt.Sprintf("%s: %q is no duration", n.name, text), "as in 90s, 15m, 12h or 30d")
	}
	return d
}

// kindOf names what a value is.
func kindOf(n ast.Node) string {
	switch n.Type() {
	case ast.NullType:
		return "nothing"
	case ast.MappingType, ast.MappingValueType:
		return "keys and values"
	case ast.SequenceType:
		return "a list"
	case ast.StringType, ast.LiteralType:
		return "text"
	case ast.BoolType:
		return n.GetToken().Value
	case ast.IntegerType, ast.FloatType, ast.InfinityType, ast.NanType:
		return "the number " + n.GetToken().Value
	case ast.AnchorType:
		return "an anchor (&), which rule files do not use"
	case ast.AliasType:
		return "an alias (*), which rule files do not use"
	case ast.TagType:
		return "a tag (!), which rule files do not use"
	case ast.MergeKeyType:
		return "a merge key (<<), which rule files do not use"
	}
	return "something else"
}
