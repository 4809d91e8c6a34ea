package integration

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"ringfence/integration/rig"
	"ringfence/sidecar"
)

// Numbers of docker/ringfence.
const (
	cleanCaller  = "+13015550299"
	listedCaller = "+13035550260" // lists/spam.csv
	newcomer     = "+13035550290" // in no list
	callee       = "+12025550200"
	deadCallee   = "+12025550199" // the example's carrier says 404
)

// TestComposeFile holds that every Compose that is here can read the file.
func TestComposeFile(t *testing.T) {
	forms := composeForms()
	if len(forms) == 0 {
		needDocker(t)
	}
	for _, form := range forms {
		t.Run(strings.Join(form, " "), func(t *testing.T) {
			arguments := append(form[1:], "-f", "../docker/compose.yml", "config")
			out, err := exec.Command(form[0], arguments...).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if regexp.MustCompile(`(?i)warn|obsolete|deprecated`).Match(out) {
				t.Errorf("it complains:\n%s", out)
			}
		})
	}
}

// TestDocker builds the images, starts them as a user would, and places calls
// through the published port.
func TestDocker(t *testing.T) {
	needDocker(t)
	began := time.Now()
	p := startProject(t)
	t.Logf("built and started in %.0f s", time.Since(began).Seconds())
	p.await("ringfence is ready", p.ready)
	p.await("a listed caller is stopped", func() bool {
		// What comes before Kamailio listens is lost: a call of its own each time.
		r, err := rig.Place("udp", p.address(), request(listedCaller, callee), rig.PlaceOptions{Limit: time.Second})
		return err == nil && r.Code == 603
	})

	t.Run("Image", func(t *testing.T) { p.at(t).testImage() })
	t.Run("Containers", func(t *testing.T) { p.at(t).testContainers() })
	t.Run("Calls", func(t *testing.T) { p.at(t).testCalls() })
	t.Run("Reload", func(t *testing.T) { p.at(t).testReload() })
	t.Run("Kill", func(t *testing.T) { p.at(t).testOutage("kill", "start") })
	t.Run("Stop", func(t *testing.T) { p.at(t).testStopped() })
	t.Run("Hang", func(t *testing.T) { p.at(t).testOutage("pause", "unpause") })
}

// at is the project as a subtest sees it.
func (p *project) at(t *testing.T) *project {
	q := *p
	q.t = t
	return &q
}

func (p *project) testCalls() {
	for _, c := range []struct {
		name           string
		caller, callee string
		status         string
		reason         string // regular expression
	}{
		{"clean", cleanCaller, callee, "200 OK", `^$`},
		{"spam", listedCaller, callee, "603 Network Blocked", `^SIP;cause=603;text="v=analytics1;url=https://[^";]+;email=[^";]+;id=[0-9a-z]{20}";location=TN$`},
		{"spam by pattern", "+13035550275", callee, "603 Network Blocked", `^SIP;cause=603;`},
		{"spam in national form", "3035550260", callee, "603 Network Blocked", `^SIP;cause=603;`},
		{"emergency call of a spammer", listedCaller, "911", "200 OK", `^$`},
		{"friend", "+13015550240", callee, "200 OK", `^$`},
		{"inbound only", "+18005550190", callee, "603 Decline", `^Q\.850;cause=21;`},
		{"cannot exist", "+12025550142", callee, "603 Decline", `^Q\.850;cause=21;`},
		{"refused by the subscriber", "+13015550250", "+12025550220", "607 Unwanted", `^Q\.850;cause=21;`},
		{"the same to another", "+13015550250", callee, "200 OK", `^$`},
		{"not found by the carrier", cleanCaller, deadCallee, "404 Not Found", `^$`},
	} {
		p.t.Run(c.name, func(t *testing.T) {
			r, err := p.call(c.caller, c.callee)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status != "SIP/2.0 "+c.status {
				t.Errorf("status %q, want %q", r.Status, c.status)
			}
			if !regexp.MustCompile(c.reason).MatchString(r.Reason) {
				t.Errorf("Reason %q, want %s", r.Reason, c.reason)
			}
		})
	}

	p.await("what the carrier said is learned", func() bool {
		learned := p.status().Learned
		return len(learned) == 1 && learned[0].Entries == 1
	})
	p.checkDead()

	r, err := rig.Place("tcp", p.address(), request(cleanCaller, callee), rig.PlaceOptions{})
	if err != nil || r.Code != 200 {
		p.t.Errorf("by TCP: %v, %+v", err, r)
	}

	r, err = p.call(listedCaller, callee)
	if err != nil {
		p.t.Fatal(err)
	}
	id := regexp.MustCompile(`id=([0-9a-z]{20})`).FindStringSubmatch(r.Reason)
	if id == nil {
		p.t.Fatalf("no id in %q", r.Reason)
	}
	p.await("the stopped call is in the journal", func() bool {
		out, err := p.ringfence("journal", id[1])
		return err == nil && strings.Contains(out, "spam")
	})
}

func (p *project) testReload() {
	calls := p.traffic()
	stopped := func() bool {
		r, err := p.call(newcomer, callee)
		return err == nil && r.Code == 603
	}
	passed := func() bool {
		r, err := p.call(newcomer, callee)
		return err == nil && r.Code == 200
	}
	if !passed() {
		p.t.Error("the newcomer doesn't pass at first")
	}
	p.edit("lists/spam.csv", func(s string) string { return s + newcomer + ",feed-a,new,\n" })
	p.await("the changed list is in force", stopped)

	before := p.status().Generation
	p.docker("kill", "--signal", "HUP", p.container(serviceRingfence))
	p.await("SIGHUP loads again", func() bool { return p.status().Generation > before })

	p.edit("rules/main.yaml", func(s string) string {
		return strings.Replace(s, `callers in list("spam")`, `calers in list("spam")`, 1)
	})
	p.await("the mistake is told", func() bool {
		r := p.status().Reload
		return !r.OK && strings.Contains(strings.Join(r.Errors, "\n"), "main.yaml:")
	})
	if !stopped() {
		p.t.Error("rules that don't load took the old ones away")
	}
	p.edit("rules/main.yaml", func(s string) string { return strings.Replace(s, "calers", "callers", 1) })
	p.edit("lists/spam.csv", func(s string) string { return strings.Replace(s, newcomer+",feed-a,new,\n", "", 1) })
	p.await("the corrected rules are in force", passed)

	sum := calls.end()
	p.t.Log(sum)
	if sum.lost > 0 || sum.odd > 0 || sum.missed > 0 {
		p.t.Errorf("calls failed during reloads: %v\nfirst: %v", sum, sum.first)
	}
}

// testOutage takes the daemon's container away under calls and gives it back.
func (p *project) testOutage(take, give string) {
	daemon := p.container(serviceRingfence)
	opened, closed := p.breaker()
	calls := p.traffic()
	p.docker(take, daemon)
	p.await("the breaker opens", func() bool { n, _ := p.breaker(); return n > opened })
	dark := p.traffic()
	p.await("a listed caller passes unasked", func() bool {
		r, err := p.call(listedCaller, callee)
		return err == nil && r.Code == 200
	})
	time.Sleep(2 * time.Second) // a stretch of calls without the daemon, which is what is measured
	without := dark.end()

	p.docker(give, daemon)
	p.await("the breaker closes", func() bool { _, n := p.breaker(); return n > closed })
	p.await("a listed caller is stopped again", func() bool {
		r, err := p.call(listedCaller, callee)
		return err == nil && r.Code == 603
	})
	whole := calls.end()
	p.t.Logf("all: %v; breaker open: %v", whole, without)
	if whole.lost+without.lost > 0 || whole.odd+without.odd > 0 {
		p.t.Errorf("calls were lost; first: %v %v", whole.first, without.first)
	}
	if whole.slow > 7 {
		p.t.Errorf("%d calls waited for the daemon, at most 7 may", whole.slow)
	}
	if without.slow > 0 || without.missed == 0 {
		p.t.Errorf("with the breaker open calls still waited or were stopped: %v", without)
	}
	p.checkDead()
}

// testStopped stops the daemon, and not its supervisor, under calls: it is killed
// and another takes its place, with no help from outside.
func (p *project) testStopped() {
	hung := func() uint64 {
		if r := p.status().Restarts; r != nil {
			return r.Hung
		}
		return 0
	}
	before := hung()
	calls := p.traffic()
	p.docker("run", "--rm", "--user", "65532:65532", "--pid", "container:"+p.container(serviceRingfence), "--network", "none",
		"debian:bookworm-slim", "bash", "-c", "kill -STOP $(cat /proc/1/task/*/children)")
	p.await("the daemon was killed and started again", func() bool { return hung() > before })
	p.await("a listed caller is stopped again", func() bool {
		r, err := p.call(listedCaller, callee)
		return err == nil && r.Code == 603
	})
	sum := calls.end()
	p.t.Log(sum)
	if sum.lost > 0 || sum.odd > 0 {
		p.t.Errorf("calls were lost: %v, first: %v", sum, sum.first)
	}
	if log := p.logs(serviceRingfence); !strings.Contains(log, "missed its beat and was killed") {
		p.t.Errorf("the log does not tell why:\n%s", log)
	}
}

// breaker counts how often it opened and closed, by what Kamailio has logged.
func (p *project) breaker() (opened, closed int) {
	log := p.logs(serviceKamailio)
	return strings.Count(log, "calls go unasked"), strings.Count(log, "calls ask again")
}

// checkDead holds that a call to the number that the carrier doesn't know is
// answered here: our 404 has a Reason. It asks a few times at most, for many
// 404s of a carrier at once are taken for its fault, and what they taught is
// forgotten.
func (p *project) checkDead() {
	p.t.Helper()
	var seen []string
	for range 4 {
		r, err := p.call(cleanCaller, deadCallee)
		if err != nil {
			p.t.Fatal(err)
		}
		if r.Code == 404 && strings.HasPrefix(r.Reason, "Q.850;cause=1;") {
			return
		}
		seen = append(seen, r.Status+" Reason: "+r.Reason)
		time.Sleep(250 * time.Millisecond)
	}
	p.t.Errorf("a dead number is not stopped here: %q", seen)
}

// ringfence runs a verb in the daemon's container.
func (p *project) ringfence(arguments ...string) (string, error) {
	return p.try(rig.Patience, "docker", append([]string{"exec", p.container(serviceRingfence), "/ringfence"}, arguments...)...)
}

func (p *project) status() sidecar.Status {
	var s sidecar.Status
	out, _ := p.ringfence("status", "--json") // fails after a failed reload, and tells all the same
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		p.t.Logf("status: %v: %s", err, out)
	}
	return s
}

func (p *project) ready() bool {
	_, err := p.ringfence("status")
	return err == nil
}
