package sidecar

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Every metric of ringfence stands in this file; what they are set to is in
// metricscalls.go, metricsrules.go and metricsstate.go. Labels are a rule's id, a
// list's name, a switch's name, a configured trunk's name, an action, an adapter
// or an outcome class: never a number, an address or anything else that a caller
// can vary.

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("ringfence_"+name, help, labels, nil)
}

var (
	callsDesc     = desc("calls_total", "Calls decided.", "adapter", "action")
	secondsDesc   = desc("decision_seconds", "From the arrival of a request to its decision.", "adapter")
	monitoredDesc = desc("monitored_calls_total", "Calls that passed and that a rule in monitor mode would have stopped.")
	emergencyDesc = desc("emergency_calls_total", "Calls that passed unasked because they go to an emergency number or service.")
	callbackDesc  = desc("callback_calls_total", "Calls that passed unasked because an emergency service calls back.")

	ruleMatchedDesc   = desc("rule_matched_total", "Calls that a rule matched and acted on.", "rule", "action")
	ruleMonitoredDesc = desc("rule_monitored_total", "Calls that a rule matched and only recorded.", "rule", "action")

	ruleGuardedDesc   = desc("rule_guarded", "Trunks on which a rule with a limit would have stopped more than that, and is in monitor.", "rule")
	guardErrorsDesc   = desc("guarded_errors_total", "Failed writes of which rules their limits have put into monitor.")
	trunkCallsDesc    = desc("trunk_calls_total", "Calls that rules were asked about, each attempt once, by the trunk that they came by; empty for none.", "trunk")
	trafficErrorsDesc = desc("traffic_errors_total", "Failed writes of how many calls each trunk had.")

	requestsDesc  = desc("bad_requests_total", "Requests to the decision listener that were not decided, by what was wrong.", "adapter", "outcome")
	sourcesDesc   = desc("bad_sources_total", "Calls whose source address could not be read.", "adapter")
	unaskedDesc   = desc("unasked_lookups_total", "Look-ups of the dialplan by mod_xml_curl that are of no new call.", "adapter")
	panicsDesc    = desc("panics_total", "Panics while a call was decided; the call passed, or had no answer.", "adapter")
	refusedDesc   = desc("refused_connections_total", "Connections to the decision listeners from no network of clients.")
	lateBeatsDesc = desc("late_beats_total", "Beats that came more than half of the supervisor's interval after the one before; absent without a supervisor.")
	restartsDesc  = desc("restarts_total", "Starts of the daemon by ringfence supervise after one before had hung and was killed, or had ended; absent without it.", "cause")
	acceptDesc    = desc("accept_errors_total", "Attempts to accept a connection on any listener that failed, as without a free file descriptor.")
	runningDesc   = desc("running_calls_total", "Calls that a switch told of as running, again each time, by what was made of them.", "adapter", "outcome")
	outcomesDesc  = desc("outcomes_total", "Reports of what became of a call, by what was made of them.", "adapter", "outcome")

	socketOpenDesc     = desc("socket_connections", "Connections of FreeSWITCH's socket application that are open.")
	socketAcceptedDesc = desc("socket_accepted_total", "Connections of FreeSWITCH's socket application that were served.")
	undecidedDesc      = desc("undecided_calls_total", "Calls of FreeSWITCH's socket application that went on without a verdict, by the cause.", "adapter", "cause")

	journalWrittenDesc = desc("journal_written_total", "Lines written to the journal.")
	journalDroppedDesc = desc("journal_dropped_total", "Stopped calls that the journal did not take because its queue was full.")
	journalErrorsDesc  = desc("journal_errors_total", "Failed writes of the journal.")
	journalQueueDesc   = desc("journal_queue_entries", "Stopped calls that wait to be written to the journal.")

	learnedDesc        = desc("learned_entries", "Entries of all learned lists.")
	learnedTaughtDesc  = desc("learned_taught_total", "Numbers that came on a learned list.")
	learnedTakenDesc   = desc("learned_forgotten_total", "Numbers taken off a learned list because they rang, answered, were taught by an upstream that was silenced, or by hand.")
	learnedEvictedDesc = desc("learned_evicted_total", "Numbers of learned lists that made room for others.")
	silencedDesc       = desc("silenced_upstreams_entries", "Upstreams that teach no more because most of their answers would, over all learned lists.")
	learnedQueueDesc   = desc("learned_queue_entries", "Changes of learned lists that wait to be written.")
	learnedDroppedDesc = desc("learned_dropped_total", "Changes of learned lists that were not written because the queue was full.")
	learnedErrorsDesc  = desc("learned_errors_total", "Failed writes of the learned lists.")

	blocksDesc        = desc("upstream_blocks_entries", "Blocks by carriers (603+, 608) that rules can ask for by the caller's number.")
	blocksEvictedDesc = desc("upstream_blocks_evicted_total", "Blocks by carriers that made room for others before their time.")
	blocksWrittenDesc = desc("upstream_blocks_written_total", "Calls blocked by carriers that were written down.")
	blocksDroppedDesc = desc("upstream_blocks_dropped_total", "Calls blocked by carriers that were not written down because the queue was full.")
	blocksErrorsDesc  = desc("upstream_blocks_errors_total", "Failed writes of calls blocked by carriers.")
	blocksQueueDesc   = desc("upstream_blocks_queue_entries", "Calls blocked by carriers that wait to be written down.")

	reportsDesc        = desc("user_reports_entries", "Reports by users that rules can ask for.")
	reportsEvictedDesc = desc("user_reports_evicted_total", "Reports by users that made room for others before their time.")
	reportsErrorsDesc  = desc("user_reports_errors_total", "Reports by users that could not be kept, and failed writes of their file anew.")

	liveRowsDesc    = desc("live_rows_entries", "Rows that were added to a list and removed from it while the daemon ran.", "list")
	liveChangesDesc = desc("live_changes_total", "Changes made to lists while the daemon ran.")
	liveErrorsDesc  = desc("live_errors_total", "Changes to lists that could not be kept or read, and failed writes of their file anew.")

	stateKeysDesc    = desc("state_entries", "Keys by which calls are counted: callers, callees, trunks, and what else rules ask about.")
	stateBytesDesc   = desc("state_bytes", "Memory of what is counted.")
	stateEvictedDesc = desc("state_evicted_total", "Keys that were forgotten before their time because the memory was full.")
	stateExpiredDesc = desc("state_expired_total", "Keys that were forgotten because no window asks of them any more.")
	stateTrimmedDesc = desc("state_trimmed_total", "Events that were forgotten before their time because their key could have no more memory.")
	stateRefusedDesc = desc("state_refused_total", "Events that were not counted because there was no memory at all.")
	stateSavedDesc   = desc("state_saved_age_seconds", "Since all that is counted was last in its files; +Inf before the first time.")
	stateFilesDesc   = desc("state_file_bytes", "Size of those files.")
	stateErrorsDesc  = desc("state_errors_total", "Failed saves of what is counted, and files of it that could not be read.")
	stateLostDesc    = desc("state_lost_bytes_total", "Bytes of its files that were torn or damaged at the start.")
	stateLeftOutDesc = desc("state_left_out_total", "Keys in its files that could not be taken at the start.")

	healthCallsDesc    = desc("health_calls_entries", "Calls that were over within the last window, of a configured trunk that answered them (upstream) or that they came in by (trunk).", "role", "trunk")
	healthAnswerDesc   = desc("health_answer_ratio", "Share of them that were answered.", "role", "trunk")
	healthUsualDesc    = desc("health_usual_answer_ratio", "Share that is usual; absent until it is learned.", "role", "trunk")
	healthBlockDesc    = desc("health_block_ratio", "Share of them that came back as unwanted: 607, 608, 603 Network Blocked.", "role", "trunk")
	healthShortDesc    = desc("health_short_ratio", "Share of the answered ones that were short.", "role", "trunk")
	healthAlarmDesc    = desc("health_alarm", "1 while an alarm is on, else 0.", "role", "trunk", "kind")
	healthAccountsDesc = desc("health_alarmed_accounts_entries", "Accounts with an alarm that is on.")
	healthSubjectsDesc = desc("health_subjects_entries", "Carriers, trunks and accounts that are watched.")
	healthEvictedDesc  = desc("health_evicted_total", "Carriers, trunks and accounts that made room for others.")
	healthQueueDesc    = desc("health_queue_entries", "Calls that are over and wait to be counted.")
	healthDroppedDesc  = desc("health_dropped_total", "Calls that are over and were not counted because the queue was full.")
	healthErrorsDesc   = desc("health_errors_total", "Failed writes of what is usual, and files of it that could not be read.")
	slowedDesc         = desc("slowed_entries", "Accounts and trunks that are slowed down.")
	slowDownsDesc      = desc("slow_downs_total", "Times that an account or a trunk was slowed down.")

	alertsDesc         = desc("alerts_total", "Alerts raised.", "kind", "state")
	alertsQueueDesc    = desc("alerts_queue_entries", "Alerts that were raised and not looked at.")
	alertsDroppedDesc  = desc("alerts_dropped_total", "Alerts that were lost because that queue was full.")
	alertsHeldDesc     = desc("alerts_held_total", "Alerts that were not told at once because the same was told before.")
	webhookQueueDesc   = desc("webhook_queue_entries", "Alerts that wait to be sent.")
	webhookDroppedDesc = desc("webhook_dropped_total", "Alerts that were not sent because that queue was full.")
	webhookResultsDesc = desc("webhook_requests_total", "Requests to the webhook, by what became of them; failed ones are tried again.", "result")

	reloadsDesc    = desc("reloads_total", "Loads of configuration and rules, the one at start included.", "outcome")
	reloadOKDesc   = desc("reload_last_ok", "1 when the last load succeeded, 0 when it failed and the rules before it run.")
	reloadTimeDesc = desc("reload_last_success_timestamp_seconds", "When rules last loaded, as Unix time.")
	generationDesc = desc("ruleset_generation", "Grows by one with each ruleset that is loaded.")
	rulesDesc      = desc("rules_entries", "Rules loaded.")
	listsDesc      = desc("lists_entries", "Rows of all lists loaded.")

	feedAgeDesc     = desc("feed_age_seconds", "Since the publisher of a fetched list last had what is at work; +Inf before the first copy.", "list")
	feedMaxAgeDesc  = desc("feed_max_age_seconds", "Age beyond which the copy of a fetched list is stale.", "list")
	feedRowsDesc    = desc("feed_entries", "Rows of a fetched list at work.", "list")
	feedHeldDesc    = desc("feed_held_entries", "Rows of a copy that the guard holds back until it is accepted.", "list")
	feedFetchesDesc = desc("feed_fetches_total", "Attempts to fetch a list, by what became of them.", "list", "result")

	switchStateDesc     = desc("freeswitch_state", "1 for the state that a switch is in, 0 for the others.", "switch", "state")
	switchConnectedDesc = desc("freeswitch_connections_total", "Times that the events of a switch began to come.", "switch")
	switchFailedDesc    = desc("freeswitch_connection_errors_total", "Connections to a switch that were lost or did not come about.", "switch")
	switchHeardDesc     = desc("freeswitch_last_message_age_seconds", "Since a switch was last heard; +Inf before the first time.", "switch")
	switchEventsDesc    = desc("freeswitch_events_total", "Events of a switch that were read.", "switch")
	switchDroppedDesc   = desc("freeswitch_dropped_events_total", "Events of a switch that came faster than they were read; its calls are then looked through.", "switch")
	switchQueueDesc     = desc("freeswitch_queue_entries", "Events of a switch that wait to be read.", "switch")
	switchSkippedDesc   = desc("freeswitch_skipped_messages_total", "Messages of a switch that were of no known type or could not be read.", "switch")
	switchDecidedDesc   = desc("freeswitch_decisions_total", "Calls of a switch that were decided by its events, by how they waited.", "switch", "mode", "action")
	switchUndecidedDesc = desc("freeswitch_undecided_calls_total", "Calls of a switch that went on without a verdict, by the cause.", "switch", "cause")
	switchRepeatedDesc  = desc("freeswitch_repeated_calls_total", "Calls that announced themselves again, or had been decided before.", "switch")
	switchLateDesc      = desc("freeswitch_late_calls_total", "Calls whose event came late, or perhaps so, and that were looked up before they were decided.", "switch")
	switchRefusedDesc   = desc("freeswitch_refused_commands_total", "Commands that a switch refused, by the cause; gone: the call was over.", "switch", "cause")
	switchCallsDesc     = desc("freeswitch_calls", "Calls of a switch that run and that were decided here.", "switch")
	switchUntrackedDesc = desc("freeswitch_untracked_calls_total", "Calls of a switch that are not in freeswitch_calls because there were too many.", "switch")
	switchUnseenDesc    = desc("freeswitch_unseen_ends_total", "Calls of a switch that ended while it was away and of which no outcome is known.", "switch")
	switchOutcomesDesc  = desc("freeswitch_outcomes_total", "Ends and answers of calls that a switch told, by what was made of them.", "switch", "outcome")

	pendingDesc        = desc("pending_entries", "Decisions whose calls are not known to be over.")
	pendingEvictedDesc = desc("pending_evicted_total", "Decisions that gave way to newer ones before their calls were known to be over.")
	pendingExpiredDesc = desc("pending_expired_total", "Decisions whose calls were taken to be over because nothing more was heard of them.")
	unknownTrunksDesc  = desc("unknown_trunks_total", "Calls whose trunk name no configuration knows; they are untrusted.")
	indexedDesc        = desc("indexed_rules_entries", "Rules that are asked only when the index names them.")
	cacheHitsDesc      = desc("cache_hits_total", "Candidate rules found in the cache.")
	cacheMissesDesc    = desc("cache_misses_total", "Candidate rules not found in the cache.")
	cacheDroppedDesc   = desc("cache_dropped_total", "Misses that were not put into the cache because it was busy.")
	cacheQueueDesc     = desc("cache_queue_entries", "Misses that wait to be put into the cache.")
	factHitsDesc       = desc("number_facts_hits_total", "Facts about numbers found in the cache.")
	factMissesDesc     = desc("number_facts_misses_total", "Facts about numbers not found in the cache.")
	factDroppedDesc    = desc("number_facts_dropped_total", "Facts about numbers that the cache was too busy to take.")
	factQueueDesc      = desc("number_facts_queue_entries", "Facts about numbers that wait to be put into the cache.")
)

// newRegistry holds what GET /metrics tells of p, and nothing of what other
// code in the process registers.
func newRegistry(p *Program) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(metrics{p}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// metrics reads the counters of a program when it is scraped; who counts only
// adds.
type metrics struct{ program *Program }

// Describe sends nothing: which rules there are changes with each reload.
func (m metrics) Describe(chan<- *prometheus.Desc) {}

// Collect sends the value of every metric.
func (m metrics) Collect(to chan<- prometheus.Metric) {
	s := sink{to}
	m.calls(s)
	m.socket(s)
	m.freeswitchHTTP(s)
	m.rules(s)
	m.records(s)
	m.state(s)
	m.reloads(s)
	m.feeds(s)
	m.switches(s)
	m.health(s)
	m.alerts(s)
	m.engine(s)
}

// sink makes metrics of values. A value that makes no metric is an error of the
// scrape, not of the daemon.
type sink struct{ to chan<- prometheus.Metric }

func (s sink) counter(d *prometheus.Desc, v uint64, labels ...string) {
	s.send(d)(prometheus.NewConstMetric(d, prometheus.CounterValue, float64(v), labels...))
}

func (s sink) gauge(d *prometheus.Desc, v float64, labels ...string) {
	s.send(d)(prometheus.NewConstMetric(d, prometheus.GaugeValue, v, labels...))
}

func (s sink) histogram(d *prometheus.Desc, h *histogram, labels ...string) {
	count, sum, buckets := h.cumulative()
	s.send(d)(prometheus.NewConstHistogram(d, count, sum, buckets, labels...))
}

func (s sink) send(d *prometheus.Desc) func(prometheus.Metric, error) {
	return func(m prometheus.Metric, err error) {
		if err != nil {
			m = prometheus.NewInvalidMetric(d, err)
		}
		s.to <- m
	}
}
