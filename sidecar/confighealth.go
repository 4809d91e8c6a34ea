package sidecar

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"ringfence/rules"
	"ringfence/sidecar/alert"
	"ringfence/sidecar/health"
)

// HealthConfig says what carriers, trunks and accounts are watched for.
type HealthConfig struct {
	health.Config
	Off      bool
	SlowDown time.Duration // of who caused an alarm of a carrier; 0: nobody is slowed
}

// AlertsConfig says who is told of what needs an operator.
type AlertsConfig struct {
	Log     bool
	Every   time.Duration  // the same is not told again within it
	Webhook *WebhookConfig // nil: none
}

// WebhookConfig is who is told by HTTP.
type WebhookConfig struct {
	URL        string
	SecretFile string // file with the secret that requests are signed with, read again for each
}

func (r *configReader) readHealth(subject string, n ast.Node) {
	h := &r.config.Health
	if v, ok := n.(*ast.StringNode); ok && v.Value == "off" {
		h.Off = true
		return
	}
	r.mapping(subject, n,
		field{"window", func(s string, n ast.Node) { r.period(s, n, 10*time.Second, 24*time.Hour, &h.Window) }},
		field{"min", func(s string, n ast.Node) { r.count(s, n, 1, &h.Min) }},
		field{"answer_rate_drop", func(s string, n ast.Node) { r.share(s, n, &h.AnswerRateDrop) }},
		field{"block_share", func(s string, n ast.Node) { r.share(s, n, &h.BlockShare) }},
		field{"short", func(s string, n ast.Node) { r.period(s, n, time.Second, time.Hour, &h.Short) }},
		field{"short_share", func(s string, n ast.Node) { r.share(s, n, &h.ShortShare) }},
		field{"slow_down", func(s string, n ast.Node) { r.period(s, n, time.Second, 7*24*time.Hour, &h.SlowDown) }},
	)
}

func (r *configReader) readAlerts(subject string, n ast.Node) {
	a := &r.config.Alerts
	r.mapping(subject, n,
		field{"log", func(s string, n ast.Node) { r.flag(s, n, &a.Log) }},
		field{"every", func(s string, n ast.Node) { r.period(s, n, time.Second, 24*time.Hour, &a.Every) }},
		field{"webhook", r.readWebhook},
	)
}

func (r *configReader) readWebhook(subject string, n ast.Node) {
	if absent(n) {
		return
	}
	if _, keys := n.(ast.MapNode); !keys { // what is there may hold a secret
		r.fault(n, subject, "want url and secret_file, not a single value or a list", "write webhook: {url: https://…, secret_file: FILE}; requests are signed with what the file holds")
		return
	}
	var w WebhookConfig
	r.mapping(subject, n,
		field{"url", func(s string, n ast.Node) {
			r.scalar(s, n, func(address string) error { w.URL = address; return checkWebhook(address) })
		}},
		field{"secret_file", func(s string, n ast.Node) { r.path(s, n, &w.SecretFile) }},
	)
	if r.faulty(subject) {
		return
	}
	for _, need := range []struct{ key, value, hint string }{
		{"url", w.URL, "add url:, as in https://alerts.example.net/ringfence"},
		{"secret_file", w.SecretFile, "add secret_file:, the name of a file with the secret that requests are signed with (openssl rand -hex 32)"},
	} {
		if need.value == "" {
			r.fault(n, subject, "a webhook without "+need.key, need.hint)
		}
	}
	r.config.Alerts.Webhook = &w
}

// checkWebhook tells what is wrong with the address of a webhook, without saying
// more of it than its host: the rest may be a secret.
func checkWebhook(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return hinted{"no address of a webhook", "write https://alerts.example.net/ringfence"}
	case u.User != nil:
		return hinted{"holds a user or a password", "requests are signed with what secret_file holds, take it out"}
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return hinted{fmt.Sprintf("anybody on the way to %s can read and change what goes by http", u.Host), "write https"}
	}
	return nil
}

// period reads a duration within bounds.
func (r *configReader) period(subject string, n ast.Node, least, most time.Duration, into *time.Duration) {
	r.scalar(subject, n, func(s string) error {
		d, err := parseDuration(s)
		if err == nil && (d < least || d > most) {
			err = hinted{fmt.Sprintf("%q is out of bounds", s), fmt.Sprintf("write %s to %s", tersely(least), tersely(most))}
		}
		if err == nil {
			*into = d
		}
		return err
	})
}

// tersely is a duration without zeros at its end.
func tersely(d time.Duration) string { return zeros.ReplaceAllString(d.String(), "$1") }

var zeros = regexp.MustCompile(`([hm])(0m)?0s$`)

// share reads a part of a whole, in per cent.
func (r *configReader) share(subject string, n ast.Node, into *float64) {
	r.scalar(subject, n, func(s string) error {
		digits, ok := strings.CutSuffix(s, "%")
		v, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		if !ok || err != nil || !(v > 0 && v <= 100) {
			return hinted{fmt.Sprintf("%q is no share", s), `write "50%", above 0% and up to 100%`}
		}
		*into = v / 100
		return nil
	})
}

// secretLeast is the least length of a secret that requests are signed with.
const secretLeast = 16

// readWebhookSecret reads the secret that requests to a webhook are signed with.
func readWebhookSecret(file string) (string, error) {
	cure := "write one: openssl rand -hex 32 > " + file
	secret, err := readSecret(file, cure)
	if err == nil && len(secret) < secretLeast {
		err = fmt.Errorf("%s has fewer than %d characters (%s)", file, secretLeast, cure)
	}
	return secret, err
}

// secrets tells that the secret of the webhook cannot be used. What it holds is
// not kept.
func (c *Config) secrets() (faults rules.Diagnostics) {
	w := c.Alerts.Webhook
	if w == nil || w.SecretFile == "" {
		return nil
	}
	if _, err := readWebhookSecret(w.SecretFile); err != nil {
		d := rules.Diagnostic{Subject: "alerts.webhook.secret_file", Message: err.Error()}
		if errors.Is(err, fs.ErrNotExist) {
			d.Hint = "write one: openssl rand -hex 32 > " + w.SecretFile
		}
		c.locate(&d)
		faults = append(faults, d)
	}
	return faults
}

// slowWarnings tells of a slow-down that nothing comes of.
func (c *Config) slowWarnings(rs *rules.Ruleset) rules.Diagnostics {
	slows, asked := !c.Health.Off && c.Health.SlowDown > 0, rs.AsksSlowed()
	d := rules.Diagnostic{Subject: "health.slow_down", Message: "slows nobody: no rule asks slowed(account) or slowed(trunk)", Hint: "add a rule that does, as in the pack slow-down"}
	switch {
	case slows == asked:
		return nil
	case asked:
		d.Message, d.Hint = "a rule asks slowed(account) or slowed(trunk), and nobody is ever slowed down", "set health.slow_down, as in 15m"
	}
	c.locate(&d)
	return rules.Diagnostics{d}
}

// alerting is what the alerts take of the configuration.
func (c *Config) alerting() alert.Config {
	a := alert.Config{Log: c.Alerts.Log, Every: c.Alerts.Every}
	if w := c.Alerts.Webhook; w != nil {
		a.Webhook = &alert.Webhook{URL: w.URL, Secret: func() (string, error) { return readWebhookSecret(w.SecretFile) }}
	}
	return a
}
