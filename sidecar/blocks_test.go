package sidecar

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ringfence/rules"
)

const (
	blockReason = `SIP;cause=603;text="v=analytics1;url=https://carrier.example/redress;tel=+18005557100;id=zz9";location=TN`
	ownRules    = "lists:\n  acme: {file: lists/spam.csv, own: true}\nrules:\n" +
		"  - {id: blocked, when: 'blocked_upstream(caller, \"7d\") >= 1', label: Blocked elsewhere}\n" +
		"  - {id: reported, when: 'reports(caller, \"30d\") >= 2', block: analytics}\n"
)

// TestUpstreamBlocks holds that a call which a carrier blocked is written down
// once, told of once when the number is ours, stops nothing, and counts still
// after a restart.
func TestUpstreamBlocks(t *testing.T) {
	d := launch(t, map[string]string{"rules/main.yaml": ownRules})
	var ids []string
	for _, caller := range []string{spam, spam, clean} {
		id := d.ask(caller, callee)[3]
		ids = append(ids, id)
		line := id + " 603 192.0.2.7 0 40 0 1 - Network Blocked\t" + blockReason
		d.outcome(line + "\n" + line)
	}
	d.outcome(d.ask(clean, callee)[3] + " 603 192.0.2.7 0 40 0 1 - Decline\t")
	await(t, "three lines", func() bool { return d.p.blocks.written.Load() == 3 })
	if got := d.ask(spam, callee); got[0] != "1 allow" || got[6] != "Blocked elsewhere" {
		t.Errorf("the next call: %q", got)
	}
	if got := strings.Count(d.log.String(), "kind=own-number-blocked"); got != 1 || strings.Contains(d.log.String(), spam) {
		t.Errorf("%d warnings about one number in\n%s", got, d.log)
	}
	code, metrics := d.get("/metrics")
	for _, want := range []string{"ringfence_upstream_blocks_entries 3", "ringfence_upstream_blocks_written_total 3", "ringfence_upstream_blocks_dropped_total 0", "ringfence_upstream_blocks_queue_entries 0"} {
		if code != 200 || !strings.Contains(metrics, "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
	all, err := BlockedCallers(d.p.config.State, BlockQuery{})
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	last := all[0].Carriers[0].Last
	if !last.Time.Equal(all[0].Last) || time.Since(last.Time) > patience {
		t.Errorf("last at %s and %s", last.Time, all[0].Last)
	}
	last.Time = time.Time{}
	want := BlockedCall{ID: ids[1], Caller: spam, Own: true, Callee: callee, Trunk: "carrier-a", Carrier: "carrier-a", Code: 603, Phrase: "Network Blocked",
		URL: "https://carrier.example/redress", Tel: "+18005557100", BlockID: "zz9", Location: "TN"}
	if diff := cmp.Diff(want, last); diff != "" || all[0].Calls != 2 || all[1].Caller != clean || all[1].Own {
		t.Errorf("%+v\n-want +got\n%s", all, diff)
	}
	d.p.Stop()
	next := launchIn(t, d.dir)
	if got := next.ask(spam, callee)[6]; got != "Blocked elsewhere" {
		t.Errorf("after a restart: label %q", got)
	}
}

// blockLines are so many lines of calls of a number, the first at noon and then
// one a minute.
func blockLines(first, n int, caller, account, carrier string) string {
	var b strings.Builder
	for i := first; i < first+n; i++ {
		fmt.Fprintf(&b, `{"time":"%s","id":"%s","caller":"%s","account":"%s","carrier":"%s","code":603,"block_id":"b%d"}`+"\n",
			noon.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), idOf(i), caller, account, carrier, i)
	}
	return b.String()
}

func TestBlockedCallers(t *testing.T) {
	state := t.TempDir()
	write(t, state, map[string]string{
		blocksName + ".1": blockLines(0, 3, spam, "acme", "carrier-a") + "torn\n",
		blocksName:        blockLines(2, 1, spam, "acme", "carrier-a") + blockLines(10, 1, spam, "bolt", "carrier-b") + blockLines(20, 2, clean, "bolt", "") + blockLines(30, 1, "", "", "carrier-a") + `{"time":"20`,
	})
	ask := func(q BlockQuery) string {
		t.Helper()
		all, err := BlockedCallers(state, q)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, one := range all {
			line := fmt.Sprintf("%s %d %v", one.Caller, one.Calls, one.Accounts)
			for _, c := range one.Carriers {
				line += fmt.Sprintf(" %s:%d:%s", c.Carrier, c.Calls, c.Last.BlockID)
			}
			said = append(said, line)
		}
		return strings.Join(said, "; ")
	}
	for _, c := range []struct {
		q    BlockQuery
		want string
	}{
		{BlockQuery{}, spam + " 4 [acme bolt] carrier-a:3:b2 carrier-b:1:b10; " + clean + " 2 [bolt] :2:b21;  1 [] carrier-a:1:b30"},
		{BlockQuery{Caller: clean}, clean + " 2 [bolt] :2:b21"},
		{BlockQuery{Account: "bolt"}, clean + " 2 [bolt] :2:b21; " + spam + " 1 [bolt] carrier-b:1:b10"},
		{BlockQuery{Since: noon.Add(21 * time.Minute)}, " 1 [] carrier-a:1:b30; " + clean + " 1 [bolt] :1:b21"},
		{BlockQuery{Own: true}, ""},
	} {
		if got := ask(c.q); got != c.want {
			t.Errorf("%+v:\n%s, want\n%s", c.q, got, c.want)
		}
	}
	if _, err := BlockedCallers(t.TempDir(), BlockQuery{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, want that there is none", err)
	}
}

// What is restored counts from the oldest file on, and what is too old does not.
func TestRestoreBlocks(t *testing.T) {
	state := t.TempDir()
	write(t, state, map[string]string{
		blocksName + ".1": blockLines(0, 3, spam, "", ""),
		blocksName:        blockLines(3, 3, spam, "", "") + "torn\n" + blockLines(6, 1, "", "", "") + blockLines(7, 1, "rubbish", "", ""),
	})
	e, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := restoreBlocks(blocksConfig(state), e, noon.Add(30*24*time.Hour+90*time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := e.Stats().Blocks.Length; got != 4 {
		t.Errorf("%d restored, want the last four", got)
	}
}

// A queue that is full drops what comes, counts it and waits for nobody.
func TestBlockLogDrops(t *testing.T) {
	c := JournalConfig{File: filepath.Join(t.TempDir(), blocksName), MaxSize: 1 << 20, Keep: 1, Queue: 2}
	b, err := openBlocks(c, slog.New(slog.DiscardHandler), nil, func(rules.Number) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	b.Close() // nobody takes from the queue any more
	for range 5 {
		b.Ended(&rules.Ended{Code: 603, Blocked: &rules.UpstreamBlock{Code: 603}})
	}
	b.Ended(&rules.Ended{Code: 603})
	if got := b.dropped.Load(); got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
	if info, err := os.Stat(c.File); err != nil || info.Size() != 0 {
		t.Errorf("%v %v", info, err)
	}
}
