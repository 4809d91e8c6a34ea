//go:build !race

package freeswitch

import (
	"bytes"
	"testing"

	"ringfence/adapters/esl"
	"ringfence/rules"
)

// socketAllocations are those of one decision: the text that the switch sent,
// the Request-URI and the P-Asserted-Identity, which it sends in parts, and the
// headers that a rule may ask for.
const socketAllocations = 4

func TestSocketAllocates(t *testing.T) {
	text := switchSide(t, "20-out-sync-reject", 1)
	for name, v := range map[string]rules.Verdict{
		"allow": {},
		"label": {Label: "Spam likely"},
		"block": {Action: rules.Block, Code: 603, Phrase: "Network Blocked", Reason: []byte("SIP;cause=603")},
	} {
		k := socketOf(always(v))
		source := bytes.NewReader(nil)
		d := esl.NewDecoder(source, 0)
		var e esl.Event
		if got := testing.AllocsPerRun(1000, func() {
			source.Reset(text)
			d.Reset(source, 0)
			if err := d.Decode(&e); err != nil {
				t.Fatal(err)
			}
			x := k.exchanges.Get().(*exchange)
			k.decide(x, &e)
			x.release()
			k.exchanges.Put(x)
		}); got > socketAllocations {
			t.Errorf("%s: %v allocations, want at most %d", name, got, socketAllocations)
		}
	}
}
