package main

import (
	"bufio"
	"cmp"
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
	benchRules    = 10_000
	callerMark    = "0000000000" // where a caller's ten national digits go in a prepared message
)

// calleeMark is the callee's ten national digits in a prepared message.
const calleeMark = "2125557100"

// callers gives ten-digit NANP numbers that do not repeat within a hundred
// million: a multiplicative walk, so that neighbours in time are far apart in memory.
type callers struct {
	count  atomic.Uint64
	listed uint64 // one in so many is on the list, 0 none
	size   uint64 // of the list, 0 for listedNumbers
}

const subscribers = 160_000_000 // numbers that national makes valid ones of

// national is the i-th number: area codes 201–203 and 205–207 …, exchanges 200–854 without N11 and 555.
func national(i uint64) (area, exchange, line uint64) {
	line = i % 10_000
	i /= 10_000
	exchange = uint64(exchanges[i%uint64(len(exchanges))])
	i /= uint64(len(exchanges))
	return areas[i%uint64(len(areas))], exchange, line
}

// exchanges are those of numbers that can be assigned.
var exchanges = func() (all [640]uint16) {
	e := uint16(200)
	for i := range all {
		for e%100 == 11 || e == 555 {
			e++
		}
		all[i] = e
		e++
	}
	return all
}()

// areas are area codes in service.
var areas = [...]uint64{201, 202, 203, 205, 206, 207, 208, 209, 210, 212, 213, 214, 215, 216, 217, 218, 219, 224, 225, 228, 229, 231, 234, 239, 240}

// listedAt is the k-th number's index on a list of so many; the odd indices are on none.
func listedAt(k, size uint64) uint64 { return k * (subscribers / size) }

func (c *callers) next(message []byte, at []int) {
	n := c.count.Add(1)
	var index uint64
	if c.listed > 0 && n%c.listed == 0 {
		size := cmp.Or(c.size, listedNumbers)
		index = listedAt(n/c.listed*7_919%size, size)
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
		area, exchange, line := national(listedAt(k, listedNumbers))
		fmt.Fprintf(w, "+1%03d%03d%04d\n", area, exchange, line)
	}
	if err := errors.Join(w.Flush(), list.Close()); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.yaml"), []byte(ruleFile(n)), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "ringfence.yaml"), []byte(scenarioConfig), 0o600)
}

// scenarioConfig is the configuration of the scenario.
const scenarioConfig = `rules: [rules.yaml]
redress: {url: https://redress.example.com/calls, location: RLN}
trunks:
  - {name: carrier-a, networks: [127.0.0.0/8], country: US, trusted: true}
`

// ruleFile is n rules of the kinds that carriers have: per customer, per
// destination, per prefix, and at the end those that every call is asked: the
// validity and the country of both numbers, and the list of a reputation feed.
func ruleFile(n int) string {
	var b strings.Builder
	b.WriteString("lists:\n  spam: {file: spam.csv, why: analytics}\nrules:\n")
	for i := range n - 3 {
		when := ""
		switch i % 5 {
		case 0:
			when = fmt.Sprintf(`account == %q and caller == "+1215555%04d"`, customer(i), i%10_000)
		case 1:
			when = fmt.Sprintf(`callee == "+1216557%04d"`, i%10_000)
		case 2:
			when = fmt.Sprintf(`caller startsWith "+1217%03d%02d"`, 200+i%700, i%100)
		case 3:
			when = fmt.Sprintf(`domain == "pbx-%d.example.net" and not valid(caller)`, i)
		case 4:
			when = fmt.Sprintf(`account == %q and country(callee) not in ["US", "CA"]`, customer(i))
		}
		fmt.Fprintf(&b, "  - id: rule-%d\n    when: %s\n    block: administrative\n", i, when)
	}
	b.WriteString("  - id: invalid\n    when: invalid(callers) or invalid(callee)\n    block: dno\n" +
		"  - id: abroad\n    when: country(callers) == \"US\" and country(callee) in [\"CU\", \"LV\", \"SO\"]\n    block: administrative\n" +
		"  - id: spam\n    when: callers in list(\"spam\")\n    block: analytics\n")
	return b.String()
}

// customer is the account of the i-th customer.
func customer(i int) string { return fmt.Sprintf("customer-%d", i) }

// overlapping are rules beside the others that are candidates of every call, by
// five of its values: phrases in display names, which no index finds.
var overlapping = func() string {
	var b strings.Builder
	for i := range 200 {
		by := [...]string{`trunk == "carrier-a"`, `domain == "127.0.0.1"`, `country(callee) == "US"`, `callee startsWith "+1"`, `caller startsWith "+12"`}
		fmt.Fprintf(&b, "  - {id: phrase-%d, when: '%s and display_name contains \"lottery %d\"', block: administrative}\n", i, by[i%len(by)], i)
	}
	return b.String()
}()
