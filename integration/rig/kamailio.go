package rig

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// KamailioOptions says which Kamailio to start. The zero value is the shipped
// proxy on a free port with 4 workers.
type KamailioOptions struct {
	Config    string            // configuration file; empty: docker/kamailio/kamailio.cfg
	Listen    bool              // Config says nothing of where to listen
	Ringfence string            // host:port of the daemon
	Carrier   string            // host:port of the carrier
	Carrier2  string            // host:port of the second carrier, if any
	Workers   int               // 0: 4
	Defines   map[string]string // more: NAME to VALUE as in -A, strings with their quotes
}

// Kamailio is a running Kamailio.
type Kamailio struct {
	*Process
	Addr string // host:port, UDP and TCP

	dir string
}

// StartKamailio starts Kamailio on loopback and waits until it answers.
func StartKamailio(o KamailioOptions) (*Kamailio, error) {
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	if o.Config == "" {
		o.Config = filepath.Join(Root(), "docker", "kamailio", "kamailio.cfg")
	}
	config, err := filepath.Abs(o.Config)
	if err != nil {
		return nil, fmt.Errorf("kamailio: %w", err)
	}
	if o.Workers == 0 {
		o.Workers = 4
	}
	addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	defines := map[string]string{"LISTEN": addr, "WORKERS": strconv.Itoa(o.Workers)}
	if o.Ringfence != "" {
		defines["RINGFENCE_SERVER"] = `"ringfence=>http://` + o.Ringfence + `"`
	}
	if o.Carrier != "" {
		defines["CARRIER"] = `"sip:` + o.Carrier + `"`
	}
	if o.Carrier2 != "" {
		defines["CARRIER_2"] = `"sip:` + o.Carrier2 + `"`
	}
	maps.Copy(defines, o.Defines)

	dir, err := os.MkdirTemp("", "ringfence-kamailio-")
	if err != nil {
		return nil, fmt.Errorf("kamailio: %w", err)
	}
	// Room for the transactions of a benchmark: each stays for some seconds.
	args := []string{"-DD", "-E", "-f", config, "-P", filepath.Join(dir, "pid"), "-Y", dir}
	if o.Listen {
		args = append(args, "-l", "udp:"+addr, "-l", "tcp:"+addr)
	}
	for _, name := range slices.Sorted(maps.Keys(defines)) {
		args = append(args, "-A", name+"="+defines[name])
	}
	p, err := start(dir, "kamailio", "kamailio", args...)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	k := &Kamailio{Process: p, Addr: addr, dir: dir}
	if err := k.ready(); err != nil {
		err = fmt.Errorf("%w:\n%s", err, k.tail())
		_ = k.Stop()
		return nil, err
	}
	return k, nil
}

// Stop ends Kamailio and removes what it wrote.
func (k *Kamailio) Stop() error {
	err := k.Process.Stop()
	os.RemoveAll(k.dir)
	return err
}

// ready waits until Kamailio answers OPTIONS.
func (k *Kamailio) ready() error {
	ended := false
	err := Wait(Patience, "kamailio: an answer on "+k.Addr, func() bool {
		select {
		case <-k.Done():
			ended = true
			return true
		default:
		}
		r, err := Place("udp", k.Addr, Request{Method: "OPTIONS"}.Bytes(), PlaceOptions{Limit: time.Second})
		return err == nil && r.Code > 0
	})
	if ended {
		return fmt.Errorf("kamailio ended")
	}
	return err
}
