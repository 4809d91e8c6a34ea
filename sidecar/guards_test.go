package sidecar

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ringfence/rules"
	"ringfence/sidecar/alert"
)

const limitedText = `
rules:
  - id: scored
    when: caller startsWith "+1202"
    score: 30
    reason: area
  - id: limited
    when: caller == "+12025550142" and score >= 30
    block: subscriber
    limit: 3 per 1m
    rollout: 100%
`

// A rule that would stop too much goes into monitor, is told of everywhere, stays
// there over a restart and acts again when it is resumed.
func TestGuardedRule(t *testing.T) {
	dir := folder(t, map[string]string{"rules/main.yaml": limitedText, "ringfence.yaml": strings.Replace(configText, "country: US}", "country: US}\n  - {name: pbx, mode: monitor}", 1)})
	d := launchIn(t, dir)
	blocked := func(d *daemon) bool { return strings.Contains(d.ask(spam, callee)[0], "block") }
	for i := range 5 {
		if got := blocked(d); got != (i < 3) {
			t.Fatalf("call %d: blocked %t", i, got)
		}
	}
	const told = `msg=alert kind=rule-fallback`
	await(t, "the log tells", func() bool { return strings.Contains(d.log.String(), told) })
	kept := filepath.Join(dir, "state", guardedName)
	holds := func(text string) func() bool {
		return func() bool { data, err := os.ReadFile(kept); return err == nil && strings.Contains(string(data), text) }
	}
	await(t, "the state is kept", holds(`"rule":"limited","trunk":"carrier-a"`))
	_, metrics := d.get("/metrics")
	for _, want := range []string{"\nringfence_rule_guarded{rule=\"limited\"} 1\n", "\nringfence_trunk_calls_total{trunk=\"carrier-a\"} 5\n", `ringfence_rule_matched_total{action="score",rule="scored"} 5`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("metrics have no %q", want)
		}
	}
	s := d.p.Status()
	if r := s.Rules[1]; len(r.Guarded) != 1 || r.Guarded[0].Trunk != "carrier-a" || r.Limit != "3 per 1m" || r.Rollout != "100%" || len(s.Watched) != 1 {
		t.Errorf("status: %+v, %v", r, s.Watched)
	}
	d.p.Stop()

	d = launchIn(t, dir)
	if blocked(d) {
		t.Error("it acts again after a restart")
	}
	if log := d.log.String(); strings.Contains(log, told) || !strings.Contains(log, "is in monitor still") {
		t.Errorf("the log after a restart:\n%s", log)
	}
	c := *d.p.config
	c.Admin.Listen = d.p.AdminAddr().String()
	client, err := NewClient(&c)
	if err != nil {
		t.Fatal(err)
	}
	defer client.http.CloseIdleConnections()
	if r, err := client.Resume(context.Background(), "limited"); err != nil || !r.OK || r.Trunks != 1 {
		t.Errorf("resumed: %+v, %v", r, err)
	}
	var refused Refusal
	for _, id := range []string{"scored", "nobody"} {
		if _, err := client.Resume(context.Background(), id); !errors.As(err, &refused) {
			t.Errorf("%s: %v", id, err)
		}
	}
	await(t, "the state is kept", holds("[]"))
	if !blocked(d) {
		t.Error("it does not act after it was resumed")
	}
	resp, err := d.web.Post("http://"+d.p.AdminAddr().String()+"/rules/limited/resume", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.read(resp); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", resp.StatusCode)
	}
}

func TestGuardsThatCannotBeRead(t *testing.T) {
	d := launch(t, map[string]string{"rules/main.yaml": limitedText, "state/" + guardedName: "{"})
	if log := d.log.String(); !strings.Contains(log, "cannot read which rules were in monitor") {
		t.Error(log)
	}
}

// A file that cannot be written does not keep anybody from being told, and is
// written when it can be.
func TestGuardsAreToldWithoutAFile(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{"rules.yaml": limitedText})
	rs, err := rules.Compile(rules.Settings{Files: []string{filepath.Join(dir, "rules.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	e.Swap(rs)
	log := new(lockedBuffer)
	alerts := 0
	g := newGuards(filepath.Join(dir, "state", guardedName), slog.New(slog.NewTextHandler(log, nil)), func(alert.Alert) { alerts++ })
	g.engine = e
	var v rules.Verdict
	for i := range 4 {
		e.Decide(&rules.Call{At: noon, CallID: fmt.Sprint(i), From: rules.Identity{User: spam}, RequestUser: callee}, &v)
	}
	g.look()
	g.look()
	if alerts != 1 || !g.failing.Load() || g.errors.Load() != 2 || strings.Count(log.String(), "cannot write") != 1 {
		t.Errorf("%d alerts, %d errors\n%s", alerts, g.errors.Load(), log)
	}
	if err := os.Mkdir(filepath.Join(dir, "state"), 0o700); err != nil {
		t.Fatal(err)
	}
	g.keep()
	if kept, err := readGuards(g.name); err != nil || len(kept) != 1 || kept[0] != e.Guarded()[0] && !kept[0].Since.Equal(noon) || g.failing.Load() {
		t.Errorf("%v, %v", kept, err)
	}
}
