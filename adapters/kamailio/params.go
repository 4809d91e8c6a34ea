package kamailio

import "cmp"

// params are the decoded key-value pairs of a query and of a form body, those
// of the query first.
type params struct {
	text  string // what the pairs point into, once it is complete
	pairs []pair
}

// pair is a key and its value as offsets.
type pair struct{ key, keyEnd, value, valueEnd uint32 }

// keptPairs is how many pairs params keep room for between requests.
const keptPairs = 256

func (p *params) reset() {
	p.text = ""
	if p.pairs = p.pairs[:0]; cap(p.pairs) > keptPairs {
		p.pairs = nil
	}
}

// decode appends the keys and values of src to dst, without their encoding
// (https://url.spec.whatwg.org/#urlencoded-parsing). Pairs whose key is not
// known are left out.
func (p *params) decode(dst, src []byte, known func(key []byte) bool) []byte {
	for at := 0; at < len(src); at++ { // past the "&"
		one := pair{key: uint32(len(dst))}
		dst, at = appendDecoded(dst, src, at, '=', ' ')
		one.keyEnd, one.value = uint32(len(dst)), uint32(len(dst))
		key := dst[one.key:]
		plus := byte(' ')
		if string(key) == "ruri" {
			plus = '+' // a URI has no blanks, but a number has a plus
		}
		wanted := known(key)
		if at < len(src) && src[at] == '=' {
			dst, at = appendDecoded(dst, src, at+1, '&', plus)
		}
		if !wanted {
			dst = dst[:one.key]
			continue
		}
		one.valueEnd = uint32(len(dst))
		p.pairs = append(p.pairs, one)
	}
	return dst
}

// appendDecoded appends src from an offset to the next end or "&", and tells
// where that is. Percent escapes are replaced, and each "+" by plus; an escape
// that is none stays as it is.
func appendDecoded(dst, src []byte, at int, end, plus byte) ([]byte, int) {
	for start := at; ; start = at {
		for at < len(src) && !marks[src[at]] {
			at++
		}
		if at == len(src) || src[at] == end || src[at] == '&' {
			return append(dst, src[start:at]...), at
		}
		dst = append(dst, src[start:at]...)
		c, size := src[at], 1
		switch {
		case c == '+':
			c = plus
		case c == '%' && at+2 < len(src):
			if high, low := hex(src[at+1]), hex(src[at+2]); high < 16 && low < 16 {
				c, size = high<<4|low, 3
			}
		}
		dst = append(dst, c)
		at += size
	}
}

// marks are the bytes of an encoded pair that mean something.
var marks = [256]bool{'&': true, '=': true, '%': true, '+': true}

// hex is the value of a hexadecimal digit, 16 or more when c is none.
func hex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// first is the first value of a key that is not empty.
func (p *params) first(key string) string {
	for _, at := range p.pairs {
		if at.value < at.valueEnd && p.text[at.key:at.keyEnd] == key {
			return p.text[at.value:at.valueEnd]
		}
	}
	return ""
}

// routing is the first value of each of its keys that is not empty.
func (p *params) routing() (r routing) {
	for _, at := range p.pairs {
		value := p.text[at.value:at.valueEnd]
		switch p.text[at.key:at.keyEnd] {
		case "src":
			r.source = cmp.Or(r.source, value)
		case "port":
			r.port = cmp.Or(r.port, value)
		case "ruri":
			r.requestURI = cmp.Or(r.requestURI, value)
		case "account":
			r.account = cmp.Or(r.account, value)
		case "trunk":
			r.trunk = cmp.Or(r.trunk, value)
		case "upstream":
			r.upstream = cmp.Or(r.upstream, value)
		}
	}
	return r
}

// isQueryKey knows the keys of the query.
func isQueryKey(key []byte) bool {
	switch string(key) {
	case "src", "port", "ruri", "account", "trunk", "upstream":
		return true
	}
	return false
}
