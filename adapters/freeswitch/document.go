package freeswitch

import (
	"strings"

	"ringfence/rules"
)

// shippedContext is the one of docker/freeswitch/ringfence.xml.
const shippedContext = "ringfence"

// isNew tells whether a look-up of the dialplan is that of a call which comes in
// and was not decided yet. The shipped context is only for those that were, and a
// context whose name is no word has no dialplan that a call could go on in.
func isNew(ch Channel) bool {
	context := get(ch, "Hunt-Context")
	return get(ch, "section") == "dialplan" && get(ch, "Caller-Direction") == "inbound" &&
		isPlain(context) && context != shippedContext &&
		get(ch, "variable_sip_call_id") != "" && get(ch, "variable_ringfence_verdict") == ""
}

// The documents of mod_xml_curl. After notFound FreeSWITCH goes on with the
// dialplan of its files.
const (
	notFound    = `<document type="freeswitch/xml"><section name="result"><result status="not found"/></section></document>`
	documentTop = `<document type="freeswitch/xml"><section name="dialplan"><context name="`
	documentEnd = `</condition></extension></context></section></document>`
)

// write makes r.body the document that does what r.answer says. A call that goes
// on comes back to its context, where its variables tell that it was decided; one
// with a number that transfer could take for more is refused. An
// emergency call is left to the dialplan of files.
func (r *request) write() {
	context, number := get(&r.form, "Hunt-Context"), get(&r.form, "Hunt-Destination-Number")
	service := strings.HasPrefix(r.call.RequestURI, "urn:")
	r.body = r.body[:0]
	if r.verdict.Guard == rules.Emergency && !service {
		r.body = append(r.body, notFound...)
		return
	}
	r.body = appendXML(append(r.body, documentTop...), context)
	r.body = append(r.body, `"><extension name="ringfence_`...)
	r.body = append(append(r.body, r.verdict.Action.String()...), `"><condition>`...)
	switch {
	case r.verdict.Guard == rules.Emergency: // the shipped context has a number for the service
		r.body = appendAction(r.body, "execute_extension", "xml_curl_open XML "+shippedContext)
	case r.verdict.Action == rules.Block:
		r.set()
		r.text = r.answer.AppendRespond(r.text[:0])
		r.body = appendAction(r.body, "respond", r.text)
	case r.verdict.Action == rules.Divert:
		r.set()
		r.body = appendAction(r.body, "execute_extension", "open_verdict XML "+shippedContext)
	case !isPlain(number):
		r.body = appendAction(r.body, "respond", "400 Bad Request")
	default:
		r.set()
		if r.verdict.Withhold {
			r.body = appendAction(r.body, "execute_extension", "open_verdict XML "+shippedContext)
		}
		r.body = appendAction(r.body, "transfer", number+" XML "+context)
	}
	r.body = append(r.body, documentEnd...)
}

// set appends an action for each variable of r.answer.
func (r *request) set() {
	for _, p := range r.answer.Pairs() {
		r.text = append(append(append(r.text[:0], p.Name...), '='), p.Value...)
		r.body = appendAction(r.body, "set", r.text)
	}
}

func appendAction[T string | []byte](dst []byte, application string, data T) []byte {
	dst = append(append(dst, `<action application="`...), application...)
	return append(appendXML(append(dst, `" data="`...), data), `"/>`...)
}

// appendXML appends text as an attribute's value holds it. FreeSWITCH knows no
// other escapes than these.
func appendXML[T string | []byte](dst []byte, text T) []byte {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// isPlain tells whether s, a number or the name of a context, is one word to
// transfer, and no option of it. docker/freeswitch/ringfence.xml says the same of
// the number of a parked call.
func isPlain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', strings.IndexByte("+*#().,;:=@&!?/_~%", c) >= 0:
		case c != '-' || i == 0:
			return false
		}
	}
	return s != ""
}
