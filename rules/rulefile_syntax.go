package rules

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxNesting = 64      // levels that a parser recurses into
	maxKeys    = 10_000  // of one block, which a parser copies with every key
	maxValues  = 2 << 20 // of commas and lines: a parser needs a thousand times the bytes
)

// ParseYAML is the syntax tree of a file: bounded in depth and size, and nil
// after a finding. Keys that are there twice are left to the caller.
func ParseYAML(name string, data []byte, d *Diagnostics) (file *ast.File) {
	defer func() {
		// The YAML library promises errors, not panics, but it reads what
		// anybody wrote.
		if r := recover(); r != nil {
			file = nil
			d.at(Position{name, 1, 1}, "", fmt.Sprintf("cannot be parsed: %v", r), "")
		}
	}()
	if !isText(name, data, d) {
		return nil
	}
	if bytes.Count(data, []byte(","))+bytes.Count(data, []byte("\n")) > maxValues {
		d.at(Position{name, 1, 1}, "", fmt.Sprintf("has more than %d lines and values", maxValues), "numbers belong into lists")
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if t, message, hint := outOfBounds(tokens); t != nil {
		d.at(Position{name, t.Position.Line, t.Position.Column}, "", message, hint)
		return nil
	}
	if t := conditionTag(tokens); t != nil {
		d.at(Position{name, t.Position.Line, t.Position.Column}, "", "a condition that begins with !", conditionCure)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err == nil {
		return file
	}
	at, message, hint := Position{name, 1, 1}, err.Error(), ""
	if e := yaml.Error(nil); errors.As(err, &e) {
		message, hint = syntaxFault(e.GetMessage())
		if t := e.GetToken(); t != nil && t.Position != nil {
			at.Line, at.Column = t.Position.Line, t.Position.Column
		}
		if conditionFault(data, at) {
			message, hint = "a condition that YAML takes for something else", conditionCure
		}
	}
	d.at(at, "", message, hint)
	return nil
}

// isText finds the first character that YAML does not allow.
func isText(name string, data []byte, d *Diagnostics) bool {
	line, start := 1, 0
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		message, hint := "", ""
		switch {
		case r == utf8.RuneError && size == 1:
			message, hint = "is not UTF-8 text", "save the file as UTF-8"
			if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
				message = "is UTF-16 text"
			}
		case r < ' ' && r != '\t' && r != '\n' && r != '\r', r == 0x7f:
			message, hint = fmt.Sprintf("a control character, %U", r), fmt.Sprintf(`take it out, or write \x%02x between double quotes`, r)
		case r == '\ufeff' && i > 0:
			message, hint = "a byte order mark, U+FEFF, within the text", "take it out; few editors show it"
		case r == '\n':
			line, start = line+1, i+1
		}
		if message != "" {
			d.at(Position{name, line, utf8.RuneCount(data[start:i]) + 1}, "", message, hint)
			return false
		}
		i += size
	}
	return true
}

// outOfBounds finds the first token at which brackets, dashes or indentation
// nest deeper than a rule file can, or a block has more keys: the parser
// recurses into the ones and copies the others with each that comes.
func outOfBounds(tokens token.Tokens) (at *token.Token, message, hint string) {
	type block struct{ column, keys int }
	var open []block
	flow, anchors := 0, 0
	for i, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(flow-1, 0)
		case token.AnchorType:
			if anchors++; anchors > maxNesting {
				return t, fmt.Sprintf("has more than %d anchors (&)", maxNesting), "is it quoted? a text that begins with & needs it"
			}
		}
		begins, key := t, 0
		switch t.Type {
		case token.MappingValueType:
			begins, key = tokens[max(i-1, 0)], 1
		case token.SequenceEntryType, token.MappingKeyType:
		default:
			begins = nil
		}
		if flow == 0 && begins != nil {
			for len(open) > 0 && open[len(open)-1].column > begins.Position.Column {
				open = open[:len(open)-1]
			}
			if len(open) == 0 || open[len(open)-1].column < begins.Position.Column {
				open = append(open, block{column: begins.Position.Column})
			}
			here := &open[len(open)-1]
			if here.keys += key; here.keys > maxKeys {
				return begins, fmt.Sprintf("has more than %d keys side by side", maxKeys), "numbers belong into lists"
			}
		}
		if flow > maxNesting || len(open) > maxNesting {
			return t, fmt.Sprintf("is nested deeper than %d levels", maxNesting), "are brackets, dashes or blanks missing?"
		}
	}
	return nil, "", ""
}

// syntaxFaults are the YAML library's messages in the words of whoever wrote
// the file, and what to do.
var syntaxFaults = []struct{ says, message, hint string }{
	{"could not find end character of double-quoted text", "a text in double quotes does not end", `end it with ", and write a quote inside as \"`},
	{"could not find end character of single-quoted text", "a text in single quotes does not end", "end it with ', and write a quote inside as ''"},
	{"sequence end token ']' not found", "a [ is not closed", "end the list with ]"},
	{"',' or ']' must be specified", "a [ before this is not closed", "separate values by commas and end the list with ]"},
	{"',' or '}' must be specified", "a { before this is not closed", "separate keys by commas and end them with }"},
	{"could not find flow mapping end token '}'", "a { is not closed", "end the keys with }"},
	{"mapping value is not allowed in this context", "a colon where none can be", `put a text that holds ": " in quotes; or is a line indented wrongly?`},
	{"value is not allowed in this context", "this does not belong here", "is it, or the line before, indented wrongly, or a bracket or a dash too many?"},
	{"non-map value is specified", "a word that is no key", "write a key, a colon and a value, as in block: dno"},
	{"unexpected key name", "a word that is no key", "write a blank after the colon of a key, as in id: a"},
	{"found an invalid key for this map", "a key that is no plain word", "write a word and a colon, as in block: dno"},
	{"found character '\t' that cannot start any token", "a tab in the indentation", "indent with blanks"},
	{"is a reserved character", "", "put the text in quotes"},
	{"found unknown escape character", "", `write \\ for a backslash, or put the text in single quotes`},
}

// syntaxFault is a message of the YAML library in our words, and the cure.
func syntaxFault(says string) (message, hint string) {
	i := slices.IndexFunc(syntaxFaults, func(f struct{ says, message, hint string }) bool { return strings.Contains(says, f.says) })
	if i < 0 {
		return says, ""
	}
	if syntaxFaults[i].message != "" {
		says = syntaxFaults[i].message
	}
	return says, syntaxFaults[i].hint
}
