package freeswitch

import (
	"strings"

	"github.com/valyala/fasthttp"
)

// form is the Channel that a request tells of, as mod_xml_curl posts it or as a
// dialplan puts it into the query.
type form struct {
	text  string // what the fields point into
	bytes []byte // room for it
	pairs []field
}

// field is a name and its value as offsets.
type field struct{ name, value, end int }

// How many fields, and bytes of them, a form keeps room for between requests.
const (
	keptFields = 512
	keptBytes  = 64 << 10
)

// read takes the fields of a request, those of its query first. Empty ones are
// as good as none.
func (f *form) read(ctx *fasthttp.RequestCtx) {
	f.bytes = f.bytes[:0]
	for _, args := range [...]*fasthttp.Args{ctx.QueryArgs(), ctx.PostArgs()} {
		for name, value := range args.All() {
			if len(value) == 0 {
				continue
			}
			one := field{name: len(f.bytes)}
			f.bytes = append(f.bytes, name...)
			one.value = len(f.bytes)
			f.bytes = append(f.bytes, value...)
			one.end = len(f.bytes)
			f.pairs = append(f.pairs, one)
		}
	}
	f.text = string(f.bytes)
}

// Lookup is the first value of a name, which is found in any case.
func (f *form) Lookup(name string) (value string, ok bool) {
	for _, at := range f.pairs {
		if at.value-at.name == len(name) && strings.EqualFold(f.text[at.name:at.value], name) {
			return f.text[at.value:at.end], true
		}
	}
	return "", false
}

// reset lets go of the text and keeps the room.
func (f *form) reset() {
	f.text = ""
	if f.pairs = f.pairs[:0]; cap(f.pairs) > keptFields || cap(f.bytes) > keptBytes {
		*f = form{}
	}
}
