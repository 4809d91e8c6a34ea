package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKill9 kills a daemon that decides 2,000 calls a second and holds what the
// next one still knows: numbers that were learned a second before and earlier, and
// callers that were counted five seconds before and earlier.
func TestKill9(t *testing.T) {
	const (
		perSecond = 2000
		load      = 9 * time.Second
		callers   = perSecond * int(load/time.Second)
		workers   = 16
	)
	d := newDaemon(t)
	appendTo(t, d, "ringfence.yaml", "pending: 100000\n")
	appendTo(t, d, "rules/zcounted.yaml", "rules:\n  - id: again\n    when: trunk == \"peer\" and rate(caller, \"1h\") > 1\n    block: subscriber\n")
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * workers}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	post := func(path, contentType, body string) (string, error) {
		answer, err := client.Post("http://"+d.Addr+path, contentType, strings.NewReader(body))
		if err != nil {
			return "", err
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		if err == nil && answer.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", answer.Status, text)
		}
		return string(text), err
	}
	var calls atomic.Int64
	ask := func(caller, callee string) ([]string, error) {
		form := url.Values{"call_id": {fmt.Sprintf("kill-%d", calls.Add(1))}, "from": {caller}}
		text, err := post("/kamailio/call?src=127.0.0.2&ruri="+url.QueryEscape("sip:"+callee+"@127.0.0.1"), "application/x-www-form-urlencoded", form.Encode())
		return strings.Split(text+"\n\n\n", "\n"), err
	}
	caller := func(i int) string { return fmt.Sprintf("+1212%07d", 2_000_000+i) }
	callee := func(i int) string { return fmt.Sprintf("+1404%07d", 2_000_000+i) }
	each := func(count int, do func(i int)) {
		var working sync.WaitGroup
		var next atomic.Int64
		for range workers {
			working.Go(func() {
				for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
					do(i)
				}
			})
		}
		working.Wait()
	}

	// One call of each caller, every fourth to a number that is not assigned. When it
	// was told stands behind the daemon's answer.
	counted, learned := make([]time.Time, callers), make([]time.Time, callers)
	began := time.Now()
	var killed time.Time
	var late atomic.Int64
	dead := make(chan struct{})
	time.AfterFunc(load-time.Second, func() {
		defer close(dead)
		killed = time.Now()
		if err := d.Kill(); err != nil {
			t.Error(err)
		}
	})
	each(callers, func(i int) {
		due := began.Add(time.Duration(i) * time.Second / perSecond)
		time.Sleep(time.Until(due))
		if time.Since(due) > time.Second {
			late.Add(1)
		}
		answer, err := ask(caller(i), callee(i))
		if err != nil || answer[0] != "1 allow" {
			if err == nil {
				t.Errorf("call %d: %q", i, answer)
			}
			return // it is killed
		}
		counted[i] = time.Now()
		line := " 200 carrier-a 1 40 9000 1 caller OK\n"
		if i%4 == 0 {
			line = " 404 carrier-a 0 40 0 1 - Not Found\n"
		}
		if text, err := post("/kamailio/outcomes", "text/plain", answer[3]+line); err == nil && i%4 == 0 {
			if !strings.HasPrefix(text, "counted 1 ") {
				t.Errorf("outcome %d: %s", i, text)
			}
			learned[i] = time.Now()
		}
	})
	<-dead

	restart := time.Now()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Logf("ready again after %s; %d calls came over a second late", time.Since(restart).Round(time.Millisecond), late.Load())
	var old, forgotten, taught, unlearned, youngest atomic.Int64
	each(callers, func(i int) {
		if !counted[i].IsZero() {
			answer, err := ask(caller(i), "+14155550123")
			if err != nil {
				t.Error(err)
				return
			}
			knows := answer[0] == "1 block" && answer[1] == "607"
			age := killed.Sub(counted[i])
			if age > 5*time.Second {
				old.Add(1)
				if !knows {
					forgotten.Add(1)
				}
			}
			if !knows && int64(age) > youngest.Load() {
				youngest.Store(int64(age))
			}
		}
		if !learned[i].IsZero() && killed.Sub(learned[i]) > time.Second {
			answer, err := ask(caller(callers+i), callee(i))
			taught.Add(1)
			if err != nil || answer[0] != "1 block" || answer[1] != "404" {
				unlearned.Add(1)
			}
		}
	})
	t.Logf("of %d callers counted more than 5 s before the kill %d are forgotten; none that was counted %s before is",
		old.Load(), forgotten.Load(), time.Duration(youngest.Load()).Round(time.Millisecond))
	t.Logf("of %d numbers learned more than 1 s before the kill %d are forgotten", taught.Load(), unlearned.Load())
	if forgotten.Load() > 0 || unlearned.Load() > 0 {
		t.Error("more is forgotten than may be")
	}
	if old.Load() < perSecond || taught.Load() < perSecond/4 {
		t.Error("too few calls were made to hold anything")
	}
}
