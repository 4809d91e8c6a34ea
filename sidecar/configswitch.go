package sidecar

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"ringfence/rules"
)

// SwitchConfig is one FreeSWITCH whose events are read.
type SwitchConfig struct {
	Name         string // in metrics, status and log
	Address      string // of its event socket, host:port
	PasswordFile string // file with the event socket's password, read again at each connect

	place rules.Position // of password_file
}

func (r *configReader) readSwitches(subject string, n ast.Node) {
	r.list(subject, n, func(subject string, n ast.Node) {
		if _, ok := n.(ast.MapNode); !ok {
			r.fault(n, subject, "want a switch, not "+describe(n), "write - {name: fs1, address: 127.0.0.1:8021, password_file: fs1.password}")
			return
		}
		before := len(r.faults)
		var s SwitchConfig
		r.mapping(subject, n,
			field{"name", func(subject string, n ast.Node) { r.name(subject, n, &s.Name) }},
			field{"address", func(subject string, n ast.Node) {
				r.scalar(subject, n, func(address string) error { s.Address = address; return checkPeer(address) })
			}},
			field{"password_file", func(subject string, n ast.Node) { r.path(subject, n, &s.PasswordFile) }},
		)
		if len(r.faults) > before {
			return
		}
		for _, need := range []struct{ key, value, hint string }{
			{"name", s.Name, "add name:"},
			{"address", s.Address, "add address:, as event_socket.conf.xml has it, e.g. 127.0.0.1:8021"},
			{"password_file", s.PasswordFile, "add password_file:, the name of a file with the password of event_socket.conf.xml"},
		} {
			if need.value == "" {
				r.fault(n, subject, "a switch without "+need.key, need.hint)
			}
		}
		for _, other := range r.config.Switches {
			switch {
			case s.Name != "" && s.Name == other.Name:
				r.fault(n, subject+".name", fmt.Sprintf("a second switch named %q", s.Name), "give each its own name")
			case s.Address != "" && samePeer(s.Address, other.Address):
				r.fault(n, subject+".address", fmt.Sprintf("%s is the address of switch %q already", other.Address, other.Name), "name each switch once; its calls would be decided twice")
			}
		}
		if len(r.faults) == before {
			s.place = r.places[subject+".password_file"]
			r.config.Switches = append(r.config.Switches, s)
		}
	})
}

// checkPeer tells what is wrong with an address to connect to.
func checkPeer(s string) error {
	host, port, err := net.SplitHostPort(s)
	number, notNumber := strconv.ParseUint(port, 10, 16)
	if err != nil || notNumber != nil || host == "" || number == 0 {
		return hinted{fmt.Sprintf("%q is no address to connect to", s), `write host and port, as in "127.0.0.1:8021"`}
	}
	return nil
}

// samePeer tells whether two addresses to connect to are one, localhost being
// what everybody takes it for. Other names are not resolved.
func samePeer(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	loopback := func(host string) bool { return host == "127.0.0.1" || host == "::1" }
	hostA, hostB = strings.ToLower(hostA), strings.ToLower(hostB)
	return portA == portB && (hostA == hostB || hostA == "localhost" && loopback(hostB) || hostB == "localhost" && loopback(hostA))
}

// Warnings tells what loads with these rules and is hardly meant.
func (c *Config) Warnings(rs *rules.Ruleset) (found rules.Diagnostics) {
	found = c.slowWarnings(rs)
	if standard := Defaults().Socket; c.Socket.Listen == "" && c.Socket != standard {
		d := rules.Diagnostic{Subject: "socket", Message: "is off, whatever else it says", Hint: "set listen: " + socketExample}
		c.locate(&d)
		found = append(found, d)
	}
	for _, s := range c.Switches {
		if password, err := readPassword(s.PasswordFile); err == nil && password == "ClueCon" {
			found = append(found, rules.Diagnostic{File: s.place.File, Line: s.place.Line, Column: s.place.Column, Subject: "freeswitch",
				Message: fmt.Sprintf("the password of switch %q is FreeSWITCH's own, which everyone knows", s.Name),
				Hint:    "who can use the event socket can run any program: set another in event_socket.conf.xml and here"})
		}
	}
	return found
}

// passwords tells which password files cannot be used. What they hold is not
// kept.
func (c *Config) passwords() (faults rules.Diagnostics) {
	for _, s := range c.Switches {
		if _, err := readPassword(s.PasswordFile); err != nil {
			d := rules.Diagnostic{File: s.place.File, Line: s.place.Line, Column: s.place.Column, Subject: "freeswitch"}
			d.Message = fmt.Sprintf("no password for switch %q: %v", s.Name, err)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				d.Hint = "write the password of event_socket.conf.xml into it"
			case errors.Is(err, fs.ErrPermission):
				d.Hint = "let the user of the daemon read it"
			}
			faults = append(faults, d)
		}
	}
	return faults
}

// readPassword reads the password of an event socket.
func readPassword(file string) (string, error) {
	password, err := readSecret(file, "write the password of event_socket.conf.xml into it")
	if err == nil && slices.ContainsFunc([]byte(password), func(b byte) bool { return b < ' ' || b == 0x7f }) {
		err = errors.New(file + " has more than one line or a control character (write the password alone into it)")
	}
	return password, err
}
