package rules

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
)

// Calls that are decided while a list is changed see each number on it or off
// it, and a number that nobody touches always.
func TestLiveConcurrent(t *testing.T) {
	e := liveEngine(t, Options{})
	mustChange(t, e, LiveChange{List: "spam", Entries: []string{"+14045550000", "+1405*"}})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, number := range []string{"+14045550000", "+14055551234", "+12122000001", "+13035551234"} {
		readers.Go(func() {
			c, v := testCall(number, "+12125550123"), new(Verdict)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if e.Decide(c, v); v.Action != Block {
					t.Errorf("%s passed", number)
					return
				}
				runtime.Gosched() // the changes have their turn on one processor, too
			}
		})
	}
	for i := range 3000 {
		n := fmt.Sprintf("+1212300%04d", i)
		mustChange(t, e, LiveChange{List: "spam", Entries: []string{n, n[:10] + "*"}})
		if v := decided(e, testCall(n, "+12125550123")); v.Live == nil || v.Live.Entry() != n {
			t.Fatalf("%s is not there: %v", n, v.Live)
		}
		if i%2 == 0 {
			mustChange(t, e, LiveChange{List: "spam", Action: LiveRevert, Entries: []string{n, n[:10] + "*"}})
		}
	}
	close(stop)
	readers.Wait()
}
