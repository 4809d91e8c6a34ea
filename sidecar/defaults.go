package sidecar

import (
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"ringfence/adapters/kamailio"
	"ringfence/rules"
	"ringfence/sidecar/health"
)

// Addresses to listen on: the defaults, and for the socket an example.
const (
	listenExample = "127.0.0.1:8088"
	adminExample  = "127.0.0.1:8089"
	socketExample = "127.0.0.1:8084"
)

// Defaults is the configuration of an empty file: every default of ringfence
// stands here.
func Defaults() *Config {
	return &Config{
		Listen:  listenExample,
		Admin:   Admin{Listen: adminExample},
		Clients: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		Socket: SocketConfig{
			Deadline:    50 * time.Millisecond,
			Connections: 5000, // 30 kB each while a call waits
		},
		Settings: rules.Settings{
			Mode:    rules.Enforce,
			Profile: "us",
			Answers: map[rules.Why]int{rules.DNO: 603, rules.Administrative: 603},
		},
		State: stateFolder(),
		Journal: JournalConfig{
			MaxSize: 100_000_000, // bytes
			Keep:    10,          // rotated files beside the current one
			Queue:   8192,        // stopped calls not yet written
		},
		Health: HealthConfig{Config: health.Config{
			Window:         5 * time.Minute,
			Min:            50, // calls within it
			AnswerRateDrop: 0.5,
			BlockShare:     0.05,
			Short:          6 * time.Second, // what analytics take for short
			ShortShare:     0.6,
		}},
		Alerts:     AlertsConfig{Log: true, Every: 15 * time.Minute},
		Cache:      64_000_000, // bytes
		Pending:    1 << 18,    // decisions whose outcome is awaited
		MaxCallAge: 4 * time.Hour,
		Memory:     256_000_000, // bytes of what calls did
		LearnedMax: 1_000_000,   // numbers in one learned list
		LiveMax:    1_000_000,   // live rows of one list
		MaxBody:    kamailio.DefaultBodyLimit,
		Timeouts: Timeouts{
			Idle:  kamailio.DefaultIdleTimeout,
			Read:  kamailio.DefaultReadTimeout,
			Write: kamailio.DefaultWriteTimeout,
			Stop:  10 * time.Second,
		},
		Log: LogConfig{Level: slog.LevelInfo, Format: "text"},
	}
}

// What no user needs to set.
const (
	journalName  = "journal.jsonl"
	learnedName  = "learned.jsonl"
	liveName     = "lists.jsonl"
	blocksName   = "upstream-blocks.jsonl"
	reportsName  = "reports.jsonl"
	pendingName  = "pending" // from a stop to the next start
	feedsName    = "feeds"   // folder of the copies of lists that are fetched
	healthName   = "health.json"
	trafficName  = "traffic.jsonl"
	guardedName  = "guarded.json"
	configName   = "ringfence.yaml"
	configLimit  = 1 << 20 // bytes of a configuration file
	learnedQueue = 8192    // changes of learned lists not yet written
	healthQueue  = 8192    // calls that are over and not yet counted
	syncEvery    = time.Second
	healEvery    = 10 * time.Second // calls are looked for of which nothing more is heard

	blocksSize     = 8_000_000 // bytes of one file of calls that carriers blocked
	blocksKeep     = 3         // rotated files beside the current one
	blocksQueue    = 1024      // such calls not yet written
	reportsHistory = 8_000_000 // bytes that are history in the file of users' reports, beside as much as counts

	adminConnections = 64                     // open at once; more wait in the kernel's queue
	gatherTime       = 10 * time.Millisecond  // stopped calls within it are written to the journal together
	settleTime       = 250 * time.Millisecond // a changed file has come to rest after it
)

// stateFolder is where systemd says, else where the XDG Base Directory
// Specification says; empty when neither is known.
func stateFolder() string {
	if list := filepath.SplitList(os.Getenv("STATE_DIRECTORY")); len(list) > 0 {
		return list[0]
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ringfence")
	}
	if home, err := os.UserHomeDir(); err == nil && home != "" {
		return filepath.Join(home, ".local", "state", "ringfence")
	}
	return ""
}

// FindConfig is the first configuration file that is there: ./ringfence.yaml,
// then the user's, then /etc/ringfence/ringfence.yaml; the first of them when
// none is.
func FindConfig() string {
	places := []string{configName}
	if dir, err := os.UserConfigDir(); err == nil {
		places = append(places, filepath.Join(dir, "ringfence", configName))
	}
	for _, place := range append(places, filepath.Join("/etc/ringfence", configName)) {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return configName
}
