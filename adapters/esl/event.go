package esl

import (
	"slices"
	"strings"
)

// Type is what a message is, by its Content-Type.
type Type uint8

// The types that mod_event_socket writes.
const (
	Unknown          Type = iota
	AuthRequest           // auth/request: the switch wants the password
	CommandReply          // command/reply, the answer to connect among them
	APIResponse           // api/response
	EventPlain            // text/event-plain
	EventJSON             // text/event-json
	EventXML              // text/event-xml: nothing of it is read
	LogData               // log/data: nothing of it is read
	DisconnectNotice      // text/disconnect-notice
	RudeRejection         // text/rude-rejection: the switch's ACL refuses us
)

var typeNames = [...]string{
	"unknown", "auth/request", "command/reply", "api/response", "text/event-plain", "text/event-json",
	"text/event-xml", "log/data", "text/disconnect-notice", "text/rude-rejection",
}

// String gives the Content-Type.
func (t Type) String() string { return typeNames[t] }

// typeOf gives what the Content-Type among the fields of text says.
func typeOf(fields []field, text []byte) Type {
	if f := find(fields, text, "Content-Type"); f != nil {
		value := text[f.value.from:f.value.to]
		for t := AuthRequest; t <= RudeRejection; t++ {
			if equalFold(value, typeNames[t]) {
				return t
			}
		}
	}
	return Unknown
}

// Event is one message of the switch: an event, a reply, the answer to connect.
// Its values are decoded, and stay valid when the Event is decoded into again.
// An event's headers are its own, not those of the frame around it.
type Event struct {
	typ    Type
	text   string // headers and body, each value decoded where it stood
	fields []field
	body   span
}

// What the switch writes for a header that was set several times.
const (
	arrayPrefix    = "ARRAY::"
	arraySeparator = "|:"
)

// span is a part of a text.
type span struct{ from, to uint32 }

// field is one header in a text.
type field struct {
	tag     uint64 // the name's, to compare most names in one step
	name    uint32
	value   span
	nameLen uint16
	array   bool // the value lacks its arrayPrefix
}

// Type gives what e is.
func (e *Event) Type() Type { return e.typ }

// Name gives an event's Event-Name, "" for what is no event.
func (e *Event) Name() string { return e.Get("Event-Name") }

// Body gives the body: what an api command answered, a job's result, the text
// of a notice.
func (e *Event) Body() string { return e.text[e.body.from:e.body.to] }

// Get gives a header's value, "" where there is none.
func (e *Event) Get(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// Lookup finds a header by its name, in which ASCII case does not matter. Of
// several of one name it gives the first, as the switch does.
func (e *Event) Lookup(name string) (value string, ok bool) {
	if f := find(e.fields, e.text, name); f != nil {
		return e.valueOf(f), true
	}
	return "", false
}

// All calls yield with each header in order, until it returns false.
func (e *Event) All(yield func(name, value string) bool) {
	for i := range e.fields {
		f := &e.fields[i]
		if !yield(e.text[f.name:f.name+uint32(f.nameLen)], e.valueOf(f)) {
			return
		}
	}
}

func (e *Event) valueOf(f *field) string {
	value := e.text[f.value.from:f.value.to]
	if f.array {
		return arrayPrefix + value
	}
	return value
}

// Reply gives the refusal that e is, as a *ReplyError, or nil: what begins with
// -ERR or -USAGE in the Reply-Text of a command/reply and in the body of an
// api/response or a BACKGROUND_JOB. Some api commands refuse in other words
// ("Invalid Gateway!", "false"), which only who asked can tell from an answer.
func (e *Event) Reply() error {
	text := e.Body()
	if e.typ == CommandReply {
		text = e.Get("Reply-Text")
	}
	if strings.HasPrefix(text, "-ERR") || strings.HasPrefix(text, "-USAGE") {
		return &ReplyError{Text: strings.TrimSpace(text)}
	}
	return nil
}

// Reset lets go of e's text and keeps the room for its headers.
func (e *Event) Reset() { *e = Event{fields: e.fields[:0]} }

// Clone copies e, which may then be decoded into again.
func (e *Event) Clone() *Event {
	c := *e
	c.fields = slices.Clone(e.fields)
	return &c
}

// add notes the header whose name and value stand at these places of text,
// unless it is beyond the bounds.
func (e *Event) add(text []byte, name, value span, array bool) bool {
	if name.to-name.from > maxName || len(e.fields) == maxFields {
		return false
	}
	e.fields = append(e.fields, field{
		tag:     tagOf(text[name.from:name.to]),
		name:    name.from,
		nameLen: uint16(name.to - name.from),
		value:   value,
		array:   array,
	})
	return true
}

// find gives the first of the fields of text that has this name, or nil.
func find[T string | []byte](fields []field, text T, name string) *field {
	tag := tagOf(name)
	for i := range fields {
		f := &fields[i]
		if f.tag == tag && equalFold(text[f.name:f.name+uint32(f.nameLen)], name) {
			return f
		}
	}
	return nil
}

// Bounds of a message's headers. An event of a call has about 200.
const (
	maxName   = 1<<16 - 1 // bytes of a name, which field.nameLen can tell
	maxFields = 1 << 14   // 400 kB of fields
)

// tagOf gives the same for names that equalFold takes for equal: their last
// eight bytes, in which names differ most, and the length.
func tagOf[T string | []byte](name T) uint64 {
	const fold = 0x2020202020202020
	n := len(name)
	if n >= 8 {
		b := name[n-8:]
		return (uint64(b[0])|uint64(b[1])<<8|uint64(b[2])<<16|uint64(b[3])<<24|
			uint64(b[4])<<32|uint64(b[5])<<40|uint64(b[6])<<48|uint64(b[7])<<56|fold)*31 + uint64(n)
	}
	var tag uint64
	for i := range n {
		tag = tag<<8 | uint64(name[i])
	}
	return (tag|fold)*31 + uint64(n)
}

// equalFold compares without regard to ASCII case.
func equalFold[T string | []byte](a T, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if x == y {
			continue
		}
		if x |= 0x20; x != y|0x20 || x < 'a' || x > 'z' {
			return false
		}
	}
	return true
}
