package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// The scenario of every comparison.
const (
	listedNumbers = 1_000_000
	benchRules    = 1_000
	callerMark    = "0000000000" // where a caller's ten national digits go in a prepared message
)

// callers gives ten-digit NANP numbers that do not repeat within two hundred
// million: a multiplicative walk, so that neighbours in time are far apart in memory.
type callers struct {
	count  atomic.Uint64
	listed uint64 // one in so many is on the list, 0 none
}

const subscribers = 200_000_000 // numbers that national makes valid ones of

// national is the i-th number: area codes 201–203 and 205–207 …, exchanges 200–899 without N11.
func national(i uint64) (area, exchange, line uint64) {
	line = i % 10_000
	i /= 10_000
	exchange = 200 + i%800
	i /= 800
	return areas[i%uint64(len(areas))], exchange, line
}

// areas are area codes in service.
var areas = [...]uint64{201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240}

// listedAt is the k-th listed number's index; the unlisted ones are the odd indices.
func listedAt(k uint64) uint64 { return k * (subscribers / listedNumbers) }

func (c *callers) next(message []byte, at []int) {
	n := c.count.Add(1)
	var index uint64
	if c.listed > 0 && n%c.listed == 0 {
		index = listedAt(n / c.listed * 7_919 % listedNumbers)
	} else {
		index = n*15_485_863%subscribers | 1
	}
	area, exchange, line := national(index)
	for _, i := range at {
		appendNational(message[i:i], area, exchange, line)
	}
}

// appendNational appends the ten digits.
func appendNational(to []byte, area, exchange, line uint64) []byte {
	return append(to,
		byte('0'+area/100), byte('0'+area/10%10), byte('0'+area%10),
		byte('0'+exchange/100), byte('0'+exchange/10%10), byte('0'+exchange%10),
		byte('0'+line/1000), byte('0'+line/100%10), byte('0'+line/10%10), byte('0'+line%10))
}

// invite700 is an INVITE of 700 bytes with callerMark for the caller's digits.
func invite700(via string) []byte {
	text := "INVITE sip:+12125557100@127.0.0.1 SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP " + via + ";branch=z9hG4bK-" + callerMark + "\r\n" +
		"Max-Forwards: 70\r\n" +
		"From: \"Example Caller\" <sip:+1" + callerMark + "@sip.example.net;user=phone>;tag=a" + callerMark + "\r\n" +
		"To: <sip:+12125557100@127.0.0.1;user=phone>\r\n" +
		"Call-ID: bench-" + callerMark + "@" + via + "\r\n" +
		"CSeq: 1 INVITE\r\n" +
		"Contact: <sip:bench@" + via + ">\r\n" +
		"P-Asserted-Identity: <sip:+1" + callerMark + "@sip.example.net;user=phone>\r\n" +
		"User-Agent: bench\r\nAllow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n" +
		"X-Pad: %s\r\nContent-Length: 0\r\n\r\n"
	return []byte(fmt.Sprintf(text, strings.Repeat("x", 700-(len(text)-2))))
}

// writeScenario writes ringfence.yaml, n rules and their list into dir.
func writeScenario(dir string, n int) error {
	list, err := os.Create(filepath.Join(dir, "spam.csv"))
	if err != nil {
		return err
	}
	w := bufio.NewWriter(list)
	for k := range uint64(listedNumbers) {
		area, exchange, line := national(listedAt(k))
		fmt.Fprintf(w, "+1%03d%03d%04d\n", area, exchange, line)
	}
	if err := errors.Join(w.Flush(), list.Close()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(ruleFile(n)), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ringfence.yaml"), []byte(`rules: [rules.yaml]
redress: {url: https://redress.example.com/calls, location: RLN}
trunks:
  - {name: carrier-a, networks: [127.0.0.0/8], country: US, trusted: true}
`), 0o600)
}

// ruleFile is n rules of the kinds that carriers have: per customer, per
// destination, per prefix, and the list of a reputation feed at the end.
func ruleFile(n int) string {
	var b strings.Builder
	b.WriteString("lists:\n  spam: {file: spam.csv, why: analytics}\nrules:\n")
	for i := range n - 1 {
		when := ""
		switch i % 4 {
		case 0:
			when = fmt.Sprintf(`account == "customer-%d" and caller == "+1215555%04d"`, i, i%10_000)
		case 1:
			when = fmt.Sprintf(`callee == "+1216557%04d"`, i%10_000)
		case 2:
			when = fmt.Sprintf(`caller startsWith "+1217%03d%02d"`, 200+i%700, i%100)
		case 3:
			when = fmt.Sprintf(`trunk == "pbx-%d" and not valid(caller)`, i)
		}
		fmt.Fprintf(&b, "  - id: rule-%d\n    when: %s\n    block: administrative\n", i, when)
	}
	b.WriteString("  - id: spam\n    when: callers in list(\"spam\")\n    block: analytics\n")
	return b.String()
}
