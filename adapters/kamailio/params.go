package kamailio

import "bytes"

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
	for len(src) > 0 {
		var one []byte
		one, src, _ = bytes.Cut(src, []byte{'&'})
		key, value, _ := bytes.Cut(one, []byte{'='})
		at := pair{key: uint32(len(dst))}
		dst = appendDecoded(dst, key, ' ')
		at.keyEnd, at.value = uint32(len(dst)), uint32(len(dst))
		if !known(dst[at.key:]) {
			dst = dst[:at.key]
			continue
		}
		plus := byte(' ')
		if string(dst[at.key:]) == "ruri" {
			plus = '+' // a URI has no blanks, but a number has a plus
		}
		dst = appendDecoded(dst, value, plus)
		at.valueEnd = uint32(len(dst))
		p.pairs = append(p.pairs, at)
	}
	return dst
}

// appendDecoded appends s with its percent escapes replaced and each "+" by
// plus. An escape that is none stays as it is.
func appendDecoded(dst, s []byte, plus byte) []byte {
	for {
		i := 0
		for i < len(s) && s[i] != '%' && s[i] != '+' {
			i++
		}
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return dst
		}
		c := plus
		if s[i] == '%' {
			if c = '%'; i+2 < len(s) && hex(s[i+1]) < 16 && hex(s[i+2]) < 16 {
				c = hex(s[i+1])<<4 | hex(s[i+2])
				i += 2
			}
		}
		dst = append(dst, c)
		s = s[i+1:]
	}
}

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

func (p *params) routing() routing {
	return routing{
		source:     p.first("src"),
		port:       p.first("port"),
		requestURI: p.first("ruri"),
		account:    p.first("account"),
		trunk:      p.first("trunk"),
	}
}

// isQueryKey knows the keys of the query.
func isQueryKey(key []byte) bool {
	switch string(key) {
	case "src", "port", "ruri", "account", "trunk":
		return true
	}
	return false
}
