package integration

import (
	"slices"
	"strings"
	"testing"

	"ringfence/integration/rig"
)

// TestNativeRunning holds that the calls that run are told of, again and again, in
// pieces, and that those that are over are not.
func TestNativeRunning(t *testing.T) {
	t.Parallel()
	d := startScripted(t, blocksSpam)
	n := startNative(t, rig.KamailioOptions{Ringfence: d.Addr, Defines: map[string]string{"RINGFENCE_RUNNING": "1"}}, map[string]rig.Answer{
		"12025550404": {Status: "404 Not Found"},
	})
	hold := func() *rig.Result {
		t.Helper()
		r := n.send(t, "udp", rig.Request{}.Bytes(), rig.PlaceOptions{Hold: true})
		if r.Code != 200 {
			t.Fatal(r.Status)
		}
		return r
	}
	n.place(t, rig.Request{URI: "sip:12025550404@127.0.0.1"})
	n.place(t, rig.Request{}) // hung up at once
	leaving := hold()
	// What was reported of the three: ids of those that failed or are over, and of one that runs.
	over := map[string]bool{}
	running := ""
	eventually(t, "all is reported", func() bool {
		ids := map[string]int{}
		for _, line := range d.Outcomes() {
			f := strings.Fields(line)
			ids[f[0]]++
			over[f[0]] = over[f[0]] || f[6] == "1"
		}
		for id := range ids {
			if !over[id] {
				running = id
			}
		}
		return len(ids) == 3 && len(d.Outcomes()) == 4
	})
	told := func(what string, ok func(ids []string) bool) {
		t.Helper()
		d.Running()
		eventually(t, what, func() bool {
			for _, ids := range d.Running() {
				if ok(ids) {
					return true
				}
			}
			return false
		})
	}
	for range 2 {
		told("the call that runs is told of, and no other", func(ids []string) bool { return slices.Equal(ids, []string{running}) })
	}

	// More than one request takes.
	var staying []*rig.Result
	for range 205 {
		staying = append(staying, hold())
	}
	defer func() {
		for _, r := range staying {
			_ = r.Close() // the test is over
		}
	}()
	all := map[string]bool{}
	most := 0
	told("all calls are told of", func(ids []string) bool {
		for _, id := range ids {
			all[id] = true
		}
		most = max(most, len(ids))
		return len(all) == 206
	})
	if most != 200 {
		t.Errorf("%d ids in a request, want 200", most)
	}
	if _, err := leaving.HangUp(); err != nil {
		t.Fatal(err)
	}
	outcome(t, d, `200 127\.0\.0\.1 0 \d+ \d+ 1 caller OK`)
	eventually(t, "its end is reported", func() bool {
		return slices.ContainsFunc(d.Outcomes(), func(line string) bool {
			f := strings.Fields(line)
			return f[0] == running && f[6] == "1"
		})
	})
	told("a round without it", func(ids []string) bool { return len(ids) < 200 }) // the last piece of one that may have begun before
	seen := 0
	told("the next round has the others", func(ids []string) bool {
		if slices.Contains(ids, running) {
			t.Error("a call that is over is told of")
		}
		seen += len(ids)
		return seen >= 205
	})
	if log := string(n.Log()); strings.Contains(log, "ERROR") {
		t.Errorf("the log has errors")
	}
}
