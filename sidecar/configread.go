package sidecar

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"ringfence/rules"
	counters "ringfence/rules/state"
)

// configReader fills a Config from one file.
type configReader struct {
	document
	config *Config

	listen, admin, socket ast.Node // places of what is checked when all is read
}

func (r *configReader) read(data []byte) {
	root := r.parse(data)
	if root == nil {
		return
	}
	c := r.config
	r.mapping("", root,
		field{"listen", func(s string, n ast.Node) { r.listen = n; r.address(s, n, listenExample, &c.Listen) }},
		field{"admin", r.readAdmin},
		field{"clients", r.readClients},
		field{"socket", r.readSocket},
		field{"freeswitch", r.readSwitches},
		field{"mode", r.readMode},
		field{"profile", func(s string, n ast.Node) { r.word(s, n, &c.Settings.Profile) }},
		field{"redress", r.readRedress},
		field{"answers", r.readAnswers},
		field{"emergency", r.readEmergency},
		field{"country", func(s string, n ast.Node) { r.country(s, n, &c.Settings.Country) }},
		field{"trunks", r.readTrunks},
		field{"rules", func(s string, n ast.Node) { r.paths(s, n, &c.Settings.Files) }},
		field{"test_before_load", func(s string, n ast.Node) { r.flag(s, n, &c.TestBeforeLoad) }},
		field{"state", func(s string, n ast.Node) { r.path(s, n, &c.State) }},
		field{"journal", r.readJournal},
		field{"health", r.readHealth},
		field{"alerts", r.readAlerts},
		field{"cache", r.readCache},
		field{"pending", func(s string, n ast.Node) { r.count(s, n, 1, &c.Pending) }},
		field{"max_call_age", func(s string, n ast.Node) { r.duration(s, n, &c.MaxCallAge) }},
		field{"state_memory", func(s string, n ast.Node) { r.size(s, n, counters.LeastBytes, &c.Memory) }},
		field{"learned_max", func(s string, n ast.Node) { r.count(s, n, 1, &c.LearnedMax) }},
		field{"live_max", func(s string, n ast.Node) { r.count(s, n, 1, &c.LiveMax) }},
		field{"max_body", r.readMaxBody},
		field{"timeouts", r.readTimeouts},
		field{"log", r.readLog},
	)
	if !onLoopback(c.Admin.Listen) && c.Admin.TokenFile == "" && !r.faulty("admin") {
		r.fault(r.admin, "admin.listen", fmt.Sprintf("%s is reached from other machines and no token protects it", c.Admin.Listen),
			"set admin.token_file, or listen on 127.0.0.1")
	}
	r.distinct("listen", r.listen, c.Listen, "admin.listen", c.Admin.Listen)
	r.distinct("socket.listen", r.socket, c.Socket.Listen, "listen", c.Listen)
	r.distinct("socket.listen", r.socket, c.Socket.Listen, "admin.listen", c.Admin.Listen)
	if c.State == "" && !r.faulty("state") {
		r.fault(nil, "state", "no folder is known for what outlives a restart", "set state:, or $STATE_DIRECTORY")
	}
	if len(c.Settings.Files) == 0 && !r.faulty("rules") {
		r.fault(nil, "rules", "no rule file is named", "write rules: [rules] to load the folder rules beside this file")
	}
}

// distinct checks that two listeners do not share an address.
func (r *configReader) distinct(key string, n ast.Node, address, otherKey, other string) {
	if address == other && !strings.HasSuffix(address, ":0") {
		r.fault(n, key, fmt.Sprintf("%s is the address of %s too", address, otherKey), "give each its own port")
	}
}

// faulty tells whether something below a key has a fault already.
func (r *configReader) faulty(key string) bool {
	return slices.ContainsFunc(r.faults, func(d rules.Diagnostic) bool { return strings.HasPrefix(d.Subject, key) })
}

func (r *configReader) readAdmin(subject string, n ast.Node) {
	a := &r.config.Admin
	r.mapping(subject, n,
		field{"listen", func(s string, n ast.Node) { r.admin = n; r.address(s, n, adminExample, &a.Listen) }},
		field{"token_file", func(s string, n ast.Node) { r.path(s, n, &a.TokenFile) }},
		field{"hosts", func(s string, n ast.Node) {
			r.list(s, n, func(s string, n ast.Node) {
				r.scalar(s, n, func(name string) error { a.Hosts = append(a.Hosts, strings.ToLower(name)); return nil })
			})
		}},
	)
}

func (r *configReader) readClients(subject string, n ast.Node) {
	r.networks(subject, n, &r.config.Clients)
	if len(r.config.Clients) == 0 && !r.faulty("clients") {
		r.fault(n, subject, "names nobody, so no call would be decided", "leave the key out for this machine alone, or name the networks of your switches")
	}
}

func (r *configReader) readSocket(subject string, n ast.Node) {
	const least, most = time.Millisecond, 10 * time.Second
	k := &r.config.Socket
	r.mapping(subject, n,
		field{"listen", func(s string, n ast.Node) { r.socket = n; r.address(s, n, socketExample, &k.Listen) }},
		field{"deadline", func(s string, n ast.Node) {
			var d time.Duration
			r.duration(s, n, &d)
			switch {
			case d == 0: // absent, or at fault already
			case d < least || d > most:
				r.fault(n, s, fmt.Sprintf("a caller can't wait %s", d), "write 1ms to 10s")
			default:
				k.Deadline = d
			}
		}},
		field{"connections", func(s string, n ast.Node) { r.count(s, n, 1, &k.Connections) }},
	)
}

func (r *configReader) readMode(subject string, n ast.Node) {
	r.choice(subject, n, []string{"enforce", "monitor"}, func(i int) {
		r.config.Settings.Mode = []rules.Mode{rules.Enforce, rules.Monitor}[i]
	})
}

func (r *configReader) readRedress(subject string, n ast.Node) {
	d := &r.config.Settings.Redress
	r.mapping(subject, n,
		field{"url", func(s string, n ast.Node) { r.word(s, n, &d.URL) }},
		field{"tel", func(s string, n ast.Node) { r.word(s, n, &d.Tel) }},
		field{"email", func(s string, n ast.Node) { r.word(s, n, &d.Email) }},
		field{"location", func(s string, n ast.Node) { r.word(s, n, &d.Location) }},
	)
}

func (r *configReader) readAnswers(subject string, n ast.Node) {
	answer := func(why rules.Why) field {
		return field{why.String(), func(s string, n ast.Node) {
			r.choice(s, n, []string{"603", "403"}, func(i int) { r.config.Settings.Answers[why] = []int{603, 403}[i] })
		}}
	}
	r.mapping(subject, n, answer(rules.DNO), answer(rules.Administrative))
}

func (r *configReader) readEmergency(subject string, n ast.Node) {
	r.list(subject, n, func(subject string, n ast.Node) {
		r.scalar(subject, n, func(s string) error {
			if _, err := rules.NewEmergency([]string{s}); err != nil {
				return err
			}
			r.config.Settings.Emergency = append(r.config.Settings.Emergency, s)
			return nil
		})
	})
}

func (r *configReader) readTrunks(subject string, n ast.Node) {
	seen := make(map[string]bool)
	owner := make(map[netip.Prefix]string)
	r.list(subject, n, func(subject string, n ast.Node) {
		if _, ok := n.(ast.MapNode); !ok {
			r.fault(n, subject, "want a trunk, not "+describe(n), "write - {name: carrier-a, networks: [192.0.2.0/24]}")
			return
		}
		t := r.readTrunk(subject, n)
		if t.Name == "" {
			r.fault(n, subject, "a trunk without a name", "add name:")
			return
		}
		if seen[t.Name] {
			r.fault(n, subject+".name", fmt.Sprintf("a second trunk named %q", t.Name), "name each trunk once, with all its networks")
			return
		}
		seen[t.Name] = true
		t.Networks = slices.DeleteFunc(t.Networks, func(p netip.Prefix) bool {
			other := owner[p]
			if other == "" || other == t.Name {
				owner[p] = t.Name
				return false
			}
			r.fault(n, subject+".networks", fmt.Sprintf("%s belongs to trunk %q already", p, other), "give a network to one trunk")
			return true
		})
		r.config.Settings.Trunks = append(r.config.Settings.Trunks, t)
	})
}

func (r *configReader) readTrunk(subject string, n ast.Node) rules.Trunk {
	var t rules.Trunk
	r.mapping(subject, n,
		field{"name", func(s string, n ast.Node) { r.name(s, n, &t.Name) }},
		field{"networks", func(s string, n ast.Node) { r.networks(s, n, &t.Networks) }},
		field{"country", func(s string, n ast.Node) { r.country(s, n, &t.Country) }},
		field{"trusted", func(s string, n ast.Node) { r.flag(s, n, &t.Trusted) }},
		field{"direction", func(s string, n ast.Node) {
			r.choice(s, n, []string{"inbound", "outbound"}, func(i int) { t.Direction = []rules.Direction{rules.Inbound, rules.Outbound}[i] })
		}},
		field{"mode", func(s string, n ast.Node) {
			r.choice(s, n, []string{"enforce", "monitor"}, func(i int) { t.Mode = []rules.Mode{rules.Enforce, rules.Monitor}[i] })
		}},
		field{"extensions", func(s string, n ast.Node) {
			r.list(s, n, func(s string, n ast.Node) {
				r.scalar(s, n, func(pattern string) error {
					if _, err := rules.NewPlan("", []string{pattern}); err != nil {
						return err
					}
					t.Extensions = append(t.Extensions, pattern)
					return nil
				})
			})
		}},
	)
	return t
}

// country reads the code of a country whose numbers are known.
func (r *configReader) country(subject string, n ast.Node, to *string) {
	r.scalar(subject, n, func(country string) error {
		if _, err := rules.NewPlan(country, nil); err != nil {
			return err
		}
		*to = country
		return nil
	})
}

func (r *configReader) readJournal(subject string, n ast.Node) {
	j := &r.config.Journal
	r.mapping(subject, n,
		field{"file", func(s string, n ast.Node) { r.path(s, n, &j.File) }},
		field{"max_size", func(s string, n ast.Node) { r.size(s, n, 4096, &j.MaxSize) }},
		field{"keep", func(s string, n ast.Node) { r.count(s, n, 1, &j.Keep) }},
		field{"queue", func(s string, n ast.Node) { r.count(s, n, 1, &j.Queue) }},
	)
}

func (r *configReader) readCache(subject string, n ast.Node) {
	size := func(s string, n ast.Node) {
		if v, ok := n.(*ast.StringNode); ok && v.Value == "off" {
			r.config.Cache = 0
			return
		}
		r.scalar(s, n, func(text string) error {
			v, err := parseSize(text)
			if err != nil || v < 1<<20 {
				return hinted{fmt.Sprintf("%q is no size of a cache", text), `write "64MB", at least 1MiB, or off`}
			}
			r.config.Cache = v
			return nil
		})
	}
	if _, ok := n.(ast.MapNode); !ok {
		size(subject, n)
		return
	}
	r.mapping(subject, n, field{"size", size})
}

func (r *configReader) readMaxBody(subject string, n ast.Node) {
	const least, most = 4 << 10, 16 << 20
	r.scalar(subject, n, func(s string) error {
		v, err := parseSize(s)
		if err == nil && (v < least || v > most) {
			err = hinted{fmt.Sprintf("%q is no size of a request", s), "write 4KiB to 16MiB; a SIP message has up to 64 KiB"}
		}
		if err == nil {
			r.config.MaxBody = int(v)
		}
		return err
	})
}

func (r *configReader) readTimeouts(subject string, n ast.Node) {
	t := &r.config.Timeouts
	r.mapping(subject, n,
		field{"idle", func(s string, n ast.Node) { r.duration(s, n, &t.Idle) }},
		field{"read", func(s string, n ast.Node) { r.duration(s, n, &t.Read) }},
		field{"write", func(s string, n ast.Node) { r.duration(s, n, &t.Write) }},
		field{"stop", func(s string, n ast.Node) { r.duration(s, n, &t.Stop) }},
	)
}

func (r *configReader) readLog(subject string, n ast.Node) {
	l := &r.config.Log
	levels := []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}
	r.mapping(subject, n,
		field{"level", func(s string, n ast.Node) {
			r.choice(s, n, []string{"debug", "info", "warn", "error"}, func(i int) { l.Level = levels[i] })
		}},
		field{"format", func(s string, n ast.Node) {
			formats := []string{"text", "json"}
			r.choice(s, n, formats, func(i int) { l.Format = formats[i] })
		}},
		field{"numbers", func(s string, n ast.Node) {
			r.choice(s, n, []string{"masked", "full"}, func(i int) { l.FullNumbers = i == 1 })
		}},
	)
}
