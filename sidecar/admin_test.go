package sidecar

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

func TestAdminAccess(t *testing.T) {
	d := launch(t, nil)
	for _, c := range []struct {
		name, method, path, host, auth, kind string
		code                                 int
		want                                 string
	}{
		{"healthz", "GET", "/healthz", "", "", "", 200, "ok"},
		{"readyz", "GET", "/readyz", "", "", "", 200, "ready"},
		{"metrics", "GET", "/metrics", "", "", "", 200, "ringfence_rules_entries"},
		{"status", "GET", "/status", "", "", "", 200, `"version": "test"`},
		{"localhost", "GET", "/status", "localhost:8089", "", "", 200, "version"},
		{"loopback of IPv6", "GET", "/status", "[::1]:8089", "", "", 200, "version"},
		{"name without port", "GET", "/status", "LOCALHOST", "", "", 200, "version"},
		{"rebound name", "GET", "/status", "evil.example.com:8089", "", "", 403, "is no name of this listener"},
		{"rebound name, health", "GET", "/healthz", "evil.example.com", "", "", 403, "is no name of this listener"},
		{"address of elsewhere", "GET", "/status", "192.0.2.1:8089", "", "", 403, "is no name of this listener"},
		{"rebound name, reload", "POST", "/reload", "evil.example.com", "Bearer secret", "application/json", 403, "is no name of this listener"},
		{"reload", "POST", "/reload", "", "Bearer secret", "application/json", 200, `"ok": true`},
		{"reload, parameters", "POST", "/reload", "", "bearer secret", "application/json; charset=utf-8", 200, `"ok": true`},
		{"reload, no token", "POST", "/reload", "", "", "application/json", 401, "token is missing or wrong"},
		{"reload, wrong token", "POST", "/reload", "", "Bearer secrets", "application/json", 401, "token is missing or wrong"},
		{"reload, other scheme", "POST", "/reload", "", "Basic secret", "application/json", 401, "token is missing or wrong"},
		{"reload, no type", "POST", "/reload", "", "Bearer secret", "", 415, "needs Content-Type: application/json"},
		{"reload, form", "POST", "/reload", "", "Bearer secret", "text/plain", 415, "needs Content-Type: application/json"},
		{"reload by GET", "GET", "/reload", "", "Bearer secret", "application/json", 405, "Method Not Allowed"},
		{"list, rebound name", "GET", "/lists/spam", "evil.example.com", "", "", 403, "is no name of this listener"},
		{"list change, rebound name", "POST", "/lists/spam", "evil.example.com", "Bearer secret", "application/json", 403, "is no name of this listener"},
		{"list change, no token", "POST", "/lists/spam", "", "", "application/json", 401, "token is missing or wrong"},
		{"list change, form", "POST", "/lists/spam", "", "Bearer secret", "text/plain", 415, "needs Content-Type: application/json"},
		{"accept, rebound name", "POST", "/lists/spam/accept", "evil.example.com", "Bearer secret", "application/json", 403, "is no name of this listener"},
		{"accept, no token", "POST", "/lists/spam/accept", "", "", "application/json", 401, "token is missing or wrong"},
		{"accept, form", "POST", "/lists/spam/accept", "", "Bearer secret", "text/plain", 415, "needs Content-Type: application/json"},
		{"accept, no feed", "POST", "/lists/spam/accept", "", "Bearer secret", "application/json", 422, "no list of this name is fetched"},
		{"accept by GET", "GET", "/lists/spam/accept", "", "Bearer secret", "application/json", 405, "Method Not Allowed"},
		{"unknown path", "GET", "/", "", "", "", 404, "not found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+d.p.AdminAddr().String()+c.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if c.host != "" {
				r.Host = c.host
			}
			for name, value := range map[string]string{"Authorization": c.auth, "Content-Type": c.kind} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			resp, err := d.web.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			if body := d.read(resp); resp.StatusCode != c.code || !strings.Contains(body, c.want) {
				t.Errorf("%d %s, want %d %s", resp.StatusCode, body, c.code, c.want)
			}
			if (resp.Header.Get("WWW-Authenticate") != "") != (c.code == 401) {
				t.Errorf("WWW-Authenticate: %q", resp.Header.Get("WWW-Authenticate"))
			}
		})
	}
}

func TestNoTokenNoChange(t *testing.T) {
	d := launch(t, map[string]string{"ringfence.yaml": strings.Replace(configText, ", token_file: token", "", 1)})
	for _, path := range []string{"/reload", "/lists/spam", "/lists/spam/accept"} {
		resp, err := d.web.Post("http://"+d.p.AdminAddr().String()+path, "application/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		if body := d.read(resp); resp.StatusCode != 403 || !strings.Contains(body, "set admin.token_file, or send SIGHUP") {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

// Off loopback all but the probes need the token, whatever the Host.
func TestAdminOffLoopback(t *testing.T) {
	a := &admin{log: slog.New(slog.DiscardHandler), listen: "0.0.0.0:8089", remote: true, hosts: []string{"ringfence"}, ready: func() error { return nil }, waiting: func() []string { return nil }, status: func() Status { return Status{} }}
	a.token.set("secret")
	h := a.handler(prometheus.NewRegistry())
	for _, c := range []struct {
		path, host, auth string
		want             int
	}{
		{"/healthz", "192.0.2.1:8089", "", 200},
		{"/readyz", "ringfence:8089", "", 200},
		{"/metrics", "ringfence:8089", "", 401},
		{"/metrics", "ringfence:8089", "Bearer secret", 200},
		{"/status", "192.0.2.1:8089", "", 401},
		{"/status", "192.0.2.1:8089", "Bearer secret", 200},
		{"/status", "evil.example.com", "Bearer secret", 403},
		{"/lists", "192.0.2.1:8089", "", 401},
		{"/lists/spam", "192.0.2.1:8089", "", 401},
	} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+c.host+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.auth != "" {
			r.Header.Set("Authorization", c.auth)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != c.want {
			t.Errorf("%s of %s with %q: %d, want %d", c.path, c.host, c.auth, w.Code, c.want)
		}
	}
}

func TestNotReady(t *testing.T) {
	a := &admin{log: slog.New(slog.DiscardHandler), listen: "127.0.0.1:8089", ready: func() error { return errNoRules }}
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://127.0.0.1/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	a.handler(prometheus.NewRegistry()).ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d, want 503", w.Code)
	}
}

func TestClient(t *testing.T) {
	d := launch(t, nil)
	c, err := NewClient(&Config{Admin: Admin{Listen: d.p.AdminAddr().String(), TokenFile: d.dir + "/token"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.http.CloseIdleConnections()
	r, err := c.Reload(t.Context())
	if err != nil || !r.OK || r.Generation != 2 {
		t.Errorf("reload: %+v, %v", r, err)
	}
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []RuleStatus{
		{ID: "dead", Action: "block", Why: "not-found", Mode: "enforce"},
		{ID: "spam", Action: "block", Why: "analytics", Mode: "enforce"},
		{ID: "premium", Action: "divert", Mode: "enforce"},
		{ID: "watched", Action: "block", Why: "subscriber", Mode: "monitor"},
	}
	if diff := cmp.Diff(want, s.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if len(s.Lists) != 1 || s.Lists[0].Rows != 1 || len(s.Learned) != 1 || s.Generation != 2 || s.Listeners.Decisions != d.p.Addr().String() {
		t.Errorf("status %+v", s)
	}
	d.replace("rules/main.yaml", "rules: [\n")
	if r, err = c.Reload(t.Context()); err != nil || r.OK || r.Generation != 2 || len(r.Errors) == 0 {
		t.Errorf("reload of a broken file: %+v, %v", r, err)
	}
	without, err := NewClient(&Config{Admin: Admin{Listen: d.p.AdminAddr().String()}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := without.Reload(t.Context()); err == nil || !strings.Contains(err.Error(), "set admin.token_file") {
		t.Errorf("reload without a token: %v", err)
	}
}

// The token goes to no other address than that of the configuration.
func TestClientFollowsNoRedirect(t *testing.T) {
	var asked atomic.Uint64
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		answer(w, http.StatusOK, Reload{OK: true})
	}))
	defer other.Close()
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", other.URL)
		answer(w, http.StatusTemporaryRedirect, Reload{OK: true})
	}))
	defer first.Close()
	dir := folder(t, nil)
	c, err := NewClient(&Config{Admin: Admin{Listen: first.Listener.Addr().String(), TokenFile: dir + "/token"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.http.CloseIdleConnections()
	if r, err := c.Reload(t.Context()); err == nil || r.OK || !strings.Contains(err.Error(), "307 Temporary Redirect") {
		t.Errorf("reload: %+v, %v", r, err)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the target of the redirect was asked %d times", n)
	}
}
