package kamailio

import (
	"strconv"
	"time"

	"ringfence/rules"
)

// Version is the first word of an answer. A client that reads another one has
// no answer.
const Version = 1

// noID is the id of an answer without a decision. No decision has it: it would
// be of 1970.
var noID = rules.ID([]byte("00000000000000000000"))

// appendLines appends the nine lines of docs/http.md. v must be writable.
func appendLines(dst []byte, v *rules.Verdict) []byte {
	dst = append(dst, '0'+Version, ' ')
	dst = append(append(dst, v.Action.String()...), '\n')
	if v.Action == rules.Block {
		dst = append(strconv.AppendInt(dst, int64(v.Code), 10), '\n')
		dst = append(append(dst, v.Phrase...), '\n')
	} else {
		dst = append(dst, '\n', '\n')
	}
	dst = append(append(dst, v.ID[:]...), '\n')
	if v.Action == rules.Block {
		dst = append(append(dst, v.Reason...), '\n')
		if s := retryAfter(v); s > 0 {
			dst = strconv.AppendInt(dst, s, 10)
		}
		dst = append(dst, '\n')
	} else {
		dst = append(dst, '\n', '\n')
	}
	dst = append(append(dst, v.Label...), '\n')
	if v.Withhold {
		dst = append(dst, "withhold"...)
	}
	dst = append(dst, '\n')
	if v.Action == rules.Divert {
		dst = append(dst, v.Target...)
	}
	return append(dst, '\n')
}

// writable tells whether an answer can hold v: nothing in it can forge a line
// or a header, and nothing that its action needs is missing.
func writable(v *rules.Verdict) bool {
	switch v.Action {
	case rules.Allow:
	case rules.Block:
		if v.Code < 400 || v.Code > 699 || v.Phrase == "" || !isText(v.Phrase) || !isText(v.Reason) {
			return false
		}
	case rules.Divert:
		if v.Target == "" || !isText(v.Target) {
			return false
		}
	default:
		return false
	}
	return isID(&v.ID) && isText(v.Label)
}

// isText tells whether s is free of control characters.
func isText[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// isID tells whether all of id is of [0-9a-z], as a client expects.
func isID(id *rules.ID) bool {
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// retryAfter is in whole seconds, rounded up; 0 for none.
func retryAfter(v *rules.Verdict) int64 {
	return int64((v.Retry + time.Second - 1) / time.Second)
}
