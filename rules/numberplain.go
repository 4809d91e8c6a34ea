package rules

// readPlain reads s when it is "+" and 9 to 15 digits, the first not 0, and
// nothing else, as most numbers are written: eight digits at once. It says what
// scan and global would.
func readPlain(s string) (Number, bool) {
	n := len(s) - 1
	if n < 9 || n > maxGlobal || s[0] != '+' || s[1] == '0' {
		return Number{}, false
	}
	first, ok := eightDigits(octet(s[1:9]))
	if !ok {
		return Number{}, false
	}
	// The last eight overlap the first: of those only the digits beyond count.
	own := uint(n-8) * 8 & 63
	rest, ok := eightDigits(octet(s[n-7:])&^(1<<(64-own)-1) | zeros>>own)
	if !ok {
		return Number{}, false
	}
	return Number{first*powers[n-8] + rest}, true
}

// octet is eight bytes, the first in the lowest byte.
func octet(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

const zeros = 0x3030303030303030 // eight times '0'

// eightDigits is the value of eight ASCII digits, the first in the lowest byte:
// neighbours are joined to pairs, pairs to fours, fours to eight. It is false
// when one is no digit.
func eightDigits(w uint64) (uint64, bool) {
	w ^= zeros
	if (w|(w+0x0606060606060606))&0xf0f0f0f0f0f0f0f0 != 0 {
		return 0, false
	}
	w = w*10 + w>>8 // each even byte is a pair
	const pair = 0x000000ff000000ff
	return ((w&pair)*(100+1_000_000<<32) + (w>>16&pair)*(1+10_000<<32)) >> 32, true
}
