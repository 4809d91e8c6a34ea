package rules

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// conditionCure is for conditions in which YAML sees its own signs.
const conditionCure = "put the whole condition in single quotes, as in when: '…'"

// conditionTag finds a condition that begins with !, which is a tag to YAML.
func conditionTag(tokens token.Tokens) *token.Token {
	for i := 2; i < len(tokens); i++ {
		if tokens[i].Type == token.TagType && tokens[i-1].Type == token.MappingValueType && tokens[i-2].Value == "when" {
			return tokens[i]
		}
	}
	return nil
}

var (
	whenKey = regexp.MustCompile(`(?:^|[\s{,-])when:\s+`)

	// quotedValue is a text in quotes that ends where a value can.
	quotedValue = regexp.MustCompile(`^(?:'(?:[^']|\'\')*'|"(?:[^"\\]|\\.)*")\s*(?:$|[,}]|#)`)
)

// conditionFault tells whether the fault of a YAML file at a place comes from a
// condition before it in the line that is not in quotes as a whole.
func conditionFault(data []byte, at Position) bool {
	lines := bytes.SplitN(data, []byte{'\n'}, at.Line+1)
	if at.Line < 1 || at.Line > len(lines) {
		return false
	}
	line := []rune(strings.TrimRight(string(lines[at.Line-1]), "\r"))
	before := string(line[:min(max(at.Column, 0), len(line))]) // with what is at the place
	keys := whenKey.FindAllStringIndex(before, -1)
	if keys == nil {
		return false
	}
	begins := keys[len(keys)-1][1]
	value := string(line)[begins:]
	if value == "" || quotedValue.MatchString(value) {
		return false
	}
	if value[0] == '"' || value[0] == '\'' {
		return strings.Count(value, value[:1]) > 1 // else it has no end
	}
	return strings.ContainsAny(before[begins:], `"'([{`)
}
