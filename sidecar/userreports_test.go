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
	"time"

	"ringfence/rules"
)

// TestUserReports holds that reports count for the next call, are shown and taken
// back, and outlive a restart.
func TestUserReports(t *testing.T) {
	d := launch(t, map[string]string{"rules/main.yaml": ownRules})
	client := clientOf(t, d)
	number, err := rules.ParseNumber(clean)
	if err != nil {
		t.Fatal(err)
	}
	report := func(r rules.UserReport, want int) {
		t.Helper()
		r.Number = number
		if made, err := client.Report(context.Background(), r); err != nil || made.Reporters != want || made.Report.At.IsZero() {
			t.Errorf("%+v: %+v, %v; want %d reporters", r, made, err, want)
		}
	}
	report(rules.UserReport{By: callee, Note: "robot", Operator: "ops"}, 1)
	report(rules.UserReport{By: callee}, 1)
	if got := d.ask(clean, callee)[0]; got != "1 allow" {
		t.Errorf("one reporter: %s", got)
	}
	report(rules.UserReport{By: "2001"}, 2)
	if got := d.ask(clean, callee)[0]; got != "1 block" {
		t.Errorf("two reporters: %s", got)
	}
	all, err := client.Reports(context.Background(), clean)
	if err != nil || len(all) != 2 || all[0].By != callee || all[0].Note != "robot" || all[1].By != "2001" {
		t.Errorf("%+v, %v", all, err)
	}
	if code, text := d.get("/reports?number=" + clean); code != http.StatusOK || !strings.Contains(text, `"by": "2001"`) {
		t.Errorf("with a plain +: %d %s", code, text)
	}
	var refused Refusal
	if _, err := client.Report(context.Background(), rules.UserReport{Number: number, By: "bob", Removed: true}); !errors.As(err, &refused) {
		t.Errorf("taken back what nobody said: %v", err)
	}
	if _, err := client.Reports(context.Background(), "x"); !errors.As(err, &refused) {
		t.Errorf("no number: %v", err)
	}
	if strings.Contains(d.log.String(), clean) {
		t.Error("a number is in the log")
	}
	d.p.Stop()
	d = launchIn(t, d.dir)
	client = clientOf(t, d)
	if got := d.ask(clean, callee)[0]; got != "1 block" {
		t.Errorf("after a restart: %s", got)
	}
	report(rules.UserReport{By: "2001", Removed: true}, 1)
	if got := d.ask(clean, callee)[0]; got != "1 allow" {
		t.Errorf("one is taken back: %s", got)
	}
	if code, text := d.get("/metrics"); code != 200 || !strings.Contains(text, "\nringfence_user_reports_entries 1\n") || !strings.Contains(text, "\nringfence_user_reports_errors_total 0\n") {
		t.Error("the metrics do not tell of the report")
	}
}

func clientOf(t *testing.T, d *daemon) *Client {
	t.Helper()
	c := *d.p.config
	c.Admin.Listen = d.p.AdminAddr().String()
	client, err := NewClient(&c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// reportEngine decides and has the reports of a file.
func reportEngine(t *testing.T, name string, now func() time.Time) (*rules.Engine, *reportLog) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{"rules.yaml": "rules:\n  - {id: a, when: withheld, allow: true}\n"})
	rs, err := rules.Compile(rules.Settings{Files: []string{filepath.Join(dir, "rules.yaml")}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := rules.NewEngine(rules.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	l, err := openReports(name, e, slog.New(slog.DiscardHandler), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	e.Swap(rs)
	return e, l
}

// TestReportFile holds what a start makes of a file with history, expired, torn
// and foreign lines, and that it is written anew.
func TestReportFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, reportsName)
	line := func(day int, by, more string) string {
		return fmt.Sprintf(`{"number":"+12025550143","by":"%s","at":"%s"%s}`+"\n", by, noon.AddDate(0, 0, day).Format(time.RFC3339), more)
	}
	write(t, dir, map[string]string{reportsName: line(-100, "1", "") + line(-9, "2", "") + line(-8, "3", "") + line(-7, "2", `,"note":"again"`) + line(-6, "4", "") + "rubbish\n" +
		line(-5, "3", `,"removed":true`) + `{"number":"+12025550144","by":"1","at":"2020-`})
	e, l := reportEngine(t, name, func() time.Time { return noon })
	if got := e.Stats().Reports.Length; got != 2 {
		t.Errorf("%d count, want those of 2 and 4", got)
	}
	if text, err := os.ReadFile(name); err != nil || strings.Count(string(text), "\n") != 2 || !strings.Contains(string(text), "again") {
		t.Errorf("%v, the file is\n%s", err, text)
	}
	// A write that fails leaves nothing behind, and the next one stands alone.
	n, _ := rules.ParseNumber("+12025550143")
	good := l.file
	var err error
	if l.file, err = os.Open(name); err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Report(rules.UserReport{Number: n, By: "5", At: noon}, l.append); err == nil || l.errors.Load() != 1 || e.Stats().Reports.Length != 2 {
		t.Errorf("a report that cannot be kept: %v", err)
	}
	_ = l.file.Close()
	l.file = good
	if _, err := l.file.WriteString(`{"number":"+1202`); err != nil { // as a full disk leaves it
		t.Fatal(err)
	}
	if _, count, err := e.Report(rules.UserReport{Number: n, By: "5", At: noon}, l.append); err != nil || count != 3 {
		t.Errorf("%d, %v", count, err)
	}
	// Somebody removes the file: what comes is kept in a new one.
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if _, count, err := e.Report(rules.UserReport{Number: n, By: "6", At: noon}, l.append); err != nil || count != 4 {
		t.Errorf("%d, %v", count, err)
	}
	if text, err := os.ReadFile(name); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("%v, the new file is\n%s", err, text)
	}
	if _, count, err := e.Report(rules.UserReport{Number: n, Removed: true, At: noon}, l.append); err != nil || count != 0 {
		t.Errorf("%d, %v", count, err)
	}
	if all, err := l.of(n); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}

// TestReportFileIsCompacted holds that history does not grow for ever.
func TestReportFileIsCompacted(t *testing.T) {
	name := filepath.Join(t.TempDir(), reportsName)
	at := noon
	e, l := reportEngine(t, name, func() time.Time { return at })
	l.living = -(reportsHistory - 4096) / 2
	n, _ := rules.ParseNumber("+12025550143")
	for range 100 {
		at = at.Add(time.Hour)
		if _, _, err := e.Report(rules.UserReport{Number: n, By: "2001", At: at, Note: strings.Repeat("x", 100)}, l.append); err != nil {
			t.Fatal(err)
		}
		if l.living > 0 {
			break
		}
	}
	if text, err := os.ReadFile(name); err != nil || strings.Count(string(text), "\n") != 1 || l.errors.Load() != 0 {
		t.Errorf("%v, the file is\n%s", err, text)
	}
}

func TestAdminReports(t *testing.T) {
	d := launch(t, nil)
	for body, want := range map[string]string{
		`{"number": "+12025550143", "by": "2001", "note": "robot"}`:             `"reporters": 1`,
		`{"number": "2025550143", "by": "2001"}`:                                "has no country",
		`{"number": "+12025550143"}`:                                            "nobody reports it",
		`{"number": "+12025550143", "by": "x", "until": "never"}`:               "cannot be read",
		`{"number": "+12025550143", "by": "2002"} {}`:                           "there is more",
		`{"number": "+12025550143", "by": "2002"}]`:                             "cannot be read",
		`{"number": "+12025550143", "by": "` + strings.Repeat("x", 5000) + `"}`: "cannot be read",
	} {
		if text := postReport(t, d, body, "Bearer secret"); !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", body, text, want)
		}
	}
	if text := postReport(t, d, `{"number": "+12025550143", "by": "2003"}`, ""); !strings.Contains(text, "token is missing") {
		t.Errorf("without the token: %s", text)
	}
	if code, _ := d.get("/reports?number=%2B12025550143"); code != 200 {
		t.Errorf("reading needs no token on loopback: %d", code)
	}
}

func postReport(t *testing.T, d *daemon, body, auth string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+d.p.AdminAddr().String()+"/reports", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", auth)
	r.Header.Set("Content-Type", "application/json")
	resp, err := d.web.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return d.read(resp)
}
