package esl

import "strings"

// What the switch writes for a header that was set several times.
const (
	arrayPrefix    = "ARRAY::"
	arraySeparator = "|:"
)

// Elements yields the elements of a value: each of "ARRAY::a|:b", else the value.
func Elements(value string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		list, ok := strings.CutPrefix(value, arrayPrefix)
		if !ok {
			yield(value)
			return
		}
		for more := true; more; {
			var element string
			if element, list, more = strings.Cut(list, arraySeparator); !yield(element) {
				return
			}
		}
	}
}
