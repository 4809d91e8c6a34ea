package sidecar

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"ringfence/adapters/freeswitch"
	"ringfence/rules"
	"ringfence/sidecar/health"
)

// Every metric of ringfence stands in this file. Labels are a rule's id, a
// list's name, a switch's name, a configured trunk's name, an action, an adapter or an outcome class: never a number, an address or
// anything else that a caller can vary.

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

	stateKeysDesc      = desc("state_entries", "Keys by which calls are counted: callers, callees, trunks, and what else rules ask about.")
	stateBytesDesc     = desc("state_bytes", "Memory of what is counted.")
	stateEvictedDesc   = desc("state_evicted_total", "Keys that were forgotten before their time because the memory was full.")
	stateExpiredDesc   = desc("state_expired_total", "Keys that were forgotten because no window asks of them any more.")
	stateTrimmedDesc   = desc("state_trimmed_total", "Events that were forgotten before their time because their key could have no more memory.")
	stateRefusedDesc   = desc("state_refused_total", "Events that were not counted because there was no memory at all.")
	stateSavedDesc     = desc("state_saved_age_seconds", "Since all that is counted was last in its files; +Inf before the first time.")
	stateFilesDesc     = desc("state_file_bytes", "Size of those files.")
	stateErrorsDesc    = desc("state_errors_total", "Failed saves of what is counted, and files of it that could not be read.")
	stateLostDesc      = desc("state_lost_bytes_total", "Bytes of its files that were torn or damaged at the start.")
	stateLeftOutDesc   = desc("state_left_out_total", "Keys in its files that could not be taken at the start.")
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

// The adapters by which calls are asked about.
const (
	adapterKamailio = "kamailio"
	adapterHTTP     = "freeswitch-http"
	adapterSocket   = "freeswitch-socket"
	adapterEvents   = "freeswitch-events"
)

func (m metrics) calls(s sink) {
	c := m.program.handler.Counters()
	s.counter(callsDesc, c.Allowed.Load(), adapterKamailio, rules.Allow.String())
	s.counter(callsDesc, c.Blocked.Load(), adapterKamailio, rules.Block.String())
	s.counter(callsDesc, c.Diverted.Load(), adapterKamailio, rules.Divert.String())
	s.histogram(secondsDesc, &m.program.kamailio.latency, adapterKamailio)
	for action := range m.program.events.calls {
		s.counter(callsDesc, m.program.events.calls[action].Load(), adapterEvents, rules.Action(action).String())
	}
	s.histogram(secondsDesc, &m.program.events.latency, adapterEvents)
	s.counter(monitoredDesc, m.program.service.monitored.Load())
	s.counter(emergencyDesc, m.program.service.guarded[rules.Emergency].Load())
	s.counter(callbackDesc, m.program.service.guarded[rules.Callback].Load())

	s.counter(requestsDesc, c.Refused.Load(), adapterKamailio, "refused")
	s.counter(requestsDesc, c.TooLarge.Load(), adapterKamailio, "too-large")
	s.counter(requestsDesc, c.Slow.Load(), adapterKamailio, "slow")
	s.counter(requestsDesc, c.Misdirected.Load(), adapterKamailio, "misdirected")
	s.counter(requestsDesc, c.Unwritable.Load(), adapterKamailio, "unwritable")
	s.counter(sourcesDesc, c.BadSource.Load(), adapterKamailio)
	s.counter(panicsDesc, c.Panics.Load(), adapterKamailio)

	s.counter(runningDesc, c.RunningKnown.Load(), adapterKamailio, "known")
	s.counter(runningDesc, c.RunningUnknown.Load(), adapterKamailio, "unknown")
	s.counter(runningDesc, c.RunningMalformed.Load(), adapterKamailio, "malformed")
	s.counter(outcomesDesc, c.OutcomesCounted.Load(), adapterKamailio, "counted")
	s.counter(outcomesDesc, c.OutcomesUnknown.Load(), adapterKamailio, "unknown")
	s.counter(outcomesDesc, c.OutcomesDuplicate.Load(), adapterKamailio, "duplicate")
	s.counter(outcomesDesc, c.OutcomesIgnored.Load(), adapterKamailio, "ignored")
	s.counter(outcomesDesc, c.OutcomesMalformed.Load(), adapterKamailio, "malformed")
}

func (m metrics) freeswitchHTTP(s sink) {
	c := m.program.freeswitchHTTP.Counters()
	s.counter(callsDesc, c.Allowed.Load(), adapterHTTP, rules.Allow.String())
	s.counter(callsDesc, c.Blocked.Load(), adapterHTTP, rules.Block.String())
	s.counter(callsDesc, c.Diverted.Load(), adapterHTTP, rules.Divert.String())
	s.histogram(secondsDesc, &m.program.overHTTP.latency, adapterHTTP)
	s.counter(requestsDesc, c.Misdirected.Load(), adapterHTTP, "misdirected")
	s.counter(requestsDesc, c.Unwritable.Load(), adapterHTTP, "unwritable")
	s.counter(unaskedDesc, c.Unasked.Load(), adapterHTTP)
	s.counter(panicsDesc, c.Panics.Load(), adapterHTTP)
}

func (m metrics) socket(s sink) {
	k, refused, unheard := m.program.socket, m.program.refused.Load(), m.program.unheard.Load()
	if k != nil {
		n, c := k.Server().Counters(), k.Counters()
		refused += n.Denied.Load()
		unheard += n.AcceptErrors.Load()
		s.counter(callsDesc, c.Allowed.Load(), adapterSocket, rules.Allow.String())
		s.counter(callsDesc, c.Blocked.Load(), adapterSocket, rules.Block.String())
		s.counter(callsDesc, c.Diverted.Load(), adapterSocket, rules.Divert.String())
		s.histogram(secondsDesc, &k.asked.latency, adapterSocket)
		s.counter(panicsDesc, c.Panics.Load(), adapterSocket)
		s.gauge(socketOpenDesc, float64(n.Open.Load()))
		s.counter(socketAcceptedDesc, n.Accepted.Load())
		for cause, count := range k.undecided {
			s.counter(undecidedDesc, count, adapterSocket, cause)
		}
	}
	s.counter(refusedDesc, refused)
	s.counter(acceptDesc, unheard)
	if b := m.program.beats; b.interval > 0 {
		s.counter(lateBeatsDesc, b.late.Load())
	}
	if r := m.program.restarts; r != nil {
		s.counter(restartsDesc, r.Hung, "hung")
		s.counter(restartsDesc, r.Ended, "ended")
	}
}

func (m metrics) rules(s sink) {
	for _, r := range m.program.engine.Ruleset().Rules() {
		s.counter(ruleMatchedDesc, r.Counts.Matched.Load(), r.ID, does(r))
		s.counter(ruleMonitoredDesc, r.Counts.Monitored.Load(), r.ID, does(r))
	}
	m.guarded(s)
}

// guarded tells of the rules with a limit.
func (m metrics) guarded(s sink) {
	trunks := map[string]int{}
	for _, g := range m.program.engine.Guarded() {
		trunks[g.Rule]++
	}
	for _, r := range m.program.engine.Ruleset().Rules() {
		if r.Limit != nil {
			s.gauge(ruleGuardedDesc, float64(trunks[r.ID]), r.ID)
		}
	}
	s.counter(guardErrorsDesc, m.program.guards.errors.Load())
	for _, t := range m.program.engine.Traffic() {
		s.counter(trunkCallsDesc, t.Calls, t.Trunk)
	}
	s.counter(trafficErrorsDesc, m.program.traffic.errors.Load())
}

// does is the action of a rule, also of one that does not end the evaluation.
func does(r *rules.Rule) string {
	switch {
	case r.Ends:
		return r.Action.String()
	case r.Withhold:
		return "withhold"
	case r.Label != "":
		return "label"
	}
	return "score"
}

func (m metrics) engine(s sink) {
	now := m.program.engine.Stats()
	rows, learned, silenced := 0, 0, 0
	var taught, forgotten, evicted uint64
	for _, l := range now.Lists {
		rows += l.Rows
	}
	for _, l := range now.Live {
		s.gauge(liveRowsDesc, float64(l.Rows), l.Name)
	}
	s.counter(liveChangesDesc, now.LiveChanges)
	s.counter(liveErrorsDesc, m.program.live.errors.Load())
	for _, l := range now.Learned {
		learned += l.Length
		taught += l.Taught
		forgotten += l.Forgotten
		evicted += l.Evicted
		for _, u := range l.Upstreams {
			if u.Silenced {
				silenced++
			}
		}
	}
	s.gauge(rulesDesc, float64(now.Rules))
	s.gauge(indexedDesc, float64(now.Indexed))
	s.gauge(listsDesc, float64(rows))
	s.gauge(learnedDesc, float64(learned))
	s.gauge(silencedDesc, float64(silenced))
	s.counter(learnedTaughtDesc, taught)
	s.counter(learnedTakenDesc, forgotten)
	s.counter(learnedEvictedDesc, evicted)
	s.gauge(blocksDesc, float64(now.Blocks.Length))
	s.counter(blocksEvictedDesc, now.Blocks.Evicted)
	s.gauge(reportsDesc, float64(now.Reports.Length))
	s.counter(reportsEvictedDesc, now.Reports.Evicted)
	s.gauge(pendingDesc, float64(now.Pending.Open))
	s.counter(pendingEvictedDesc, now.Pending.Evicted)
	s.counter(pendingExpiredDesc, now.Pending.Expired)
	s.counter(unknownTrunksDesc, now.UnknownTrunks)
	s.counter(cacheHitsDesc, now.Cache.Hits)
	s.counter(cacheMissesDesc, now.Cache.Misses)
	s.counter(cacheDroppedDesc, now.Cache.Dropped)
	s.gauge(cacheQueueDesc, float64(now.Cache.Queue))
	s.counter(factHitsDesc, now.Facts.Hits)
	s.counter(factMissesDesc, now.Facts.Misses)
	s.counter(factDroppedDesc, now.Facts.Drops)
	s.gauge(factQueueDesc, float64(now.Facts.Queue))
}

func (m metrics) records(s sink) {
	j, l := m.program.journal, m.program.learned
	s.counter(journalWrittenDesc, j.written.Load())
	s.counter(journalDroppedDesc, j.dropped.Load())
	s.counter(journalErrorsDesc, j.errors.Load())
	s.gauge(journalQueueDesc, float64(len(j.queue)))
	s.gauge(learnedQueueDesc, float64(len(l.queue)))
	s.counter(learnedDroppedDesc, l.dropped.Load())
	s.counter(learnedErrorsDesc, l.errors.Load())
	b := m.program.blocks
	s.counter(blocksWrittenDesc, b.written.Load())
	s.counter(blocksDroppedDesc, b.dropped.Load())
	s.counter(blocksErrorsDesc, b.errors.Load())
	s.gauge(blocksQueueDesc, float64(len(b.queue)))
	s.counter(reportsErrorsDesc, m.program.reports.errors.Load())
}

func (m metrics) state(s sink) {
	f, now := m.program.counted, m.program.engine.State().Stats()
	s.gauge(stateKeysDesc, float64(now.Keys))
	s.gauge(stateBytesDesc, float64(now.Bytes))
	s.counter(stateEvictedDesc, now.Evicted)
	s.counter(stateExpiredDesc, now.Expired)
	s.counter(stateTrimmedDesc, now.Trimmed)
	s.counter(stateRefusedDesc, now.Refused)
	age := math.Inf(1)
	if saved := f.saved.Load(); saved != 0 {
		age = m.program.now().Sub(time.Unix(0, saved)).Seconds()
	}
	s.gauge(stateSavedDesc, age)
	s.gauge(stateFilesDesc, float64(f.bytes.Load()))
	s.counter(stateErrorsDesc, f.errors.Load())
	s.counter(stateLostDesc, f.lost.Load())
	s.counter(stateLeftOutDesc, f.unkept.Load())
}

// health tells of configured trunks alone: what else a switch names is in the
// status.
func (m metrics) health(s sink) {
	now, h := m.program.health.status(), m.program.health
	s.counter(healthErrorsDesc, h.errors.Load())
	s.counter(slowDownsDesc, h.slowed.Load())
	s.gauge(slowedDesc, float64(len(m.program.engine.Slowed(m.program.now()))))
	if now == nil {
		return
	}
	s.gauge(healthAccountsDesc, float64(len(now.Accounts)))
	s.gauge(healthSubjectsDesc, float64(now.Subjects))
	s.counter(healthEvictedDesc, now.Evicted)
	s.gauge(healthQueueDesc, float64(now.Queued))
	s.counter(healthDroppedDesc, now.Dropped)
	configured := make(map[string]bool)
	for _, t := range m.program.reloader.state.Load().config.Settings.Trunks {
		configured[t.Name] = true
	}
	for role, all := range map[string][]SubjectHealth{health.Upstream.String(): now.Upstreams, health.Trunk.String(): now.Trunks} {
		for _, t := range all {
			if configured[t.Name] {
				m.subject(s, role, &t)
			}
		}
	}
}

func (m metrics) subject(s sink, role string, t *SubjectHealth) {
	s.gauge(healthCallsDesc, float64(t.Calls), role, t.Name)
	s.gauge(healthAnswerDesc, t.AnswerRate, role, t.Name)
	s.gauge(healthBlockDesc, t.BlockShare, role, t.Name)
	s.gauge(healthShortDesc, t.ShortShare, role, t.Name)
	if t.UsualAnswer != nil {
		s.gauge(healthUsualDesc, *t.UsualAnswer, role, t.Name)
	}
	for _, k := range health.Kinds {
		on := 0.0
		for _, a := range t.Alarms {
			if a.Kind == k.String() {
				on = 1
			}
		}
		s.gauge(healthAlarmDesc, on, role, t.Name, k.String())
	}
}

func (m metrics) alerts(s sink) {
	a := m.program.alerts.Stats()
	for kind, states := range a.Raised {
		for state, n := range states {
			s.counter(alertsDesc, n, kind.String(), state.String())
		}
	}
	s.gauge(alertsQueueDesc, float64(a.Queue))
	s.counter(alertsDroppedDesc, a.Dropped)
	s.counter(alertsHeldDesc, a.Held)
	s.gauge(webhookQueueDesc, float64(a.Webhook.Queue))
	s.counter(webhookDroppedDesc, a.Webhook.Dropped)
	for result, n := range a.Webhook.Results {
		s.counter(webhookResultsDesc, n, result)
	}
}

func (m metrics) reloads(s sink) {
	now := m.program.reloader.state.Load()
	s.counter(reloadsDesc, now.failed, "failed")
	s.counter(reloadsDesc, now.loaded, "ok")
	ok := 0.0
	if now.last.OK {
		ok = 1
	}
	s.gauge(reloadOKDesc, ok)
	s.gauge(reloadTimeDesc, float64(now.lastOK.UnixNano())/1e9)
	s.gauge(generationDesc, float64(now.last.Generation))
}

func (m metrics) feeds(s sink) {
	for _, f := range m.program.feeds.status() {
		age := math.Inf(1)
		if !f.Waiting {
			age = m.program.now().Sub(f.Confirmed).Seconds()
		}
		held := 0
		if f.Held != nil {
			held = f.Held.Rows
		}
		s.gauge(feedAgeDesc, age, f.List)
		s.gauge(feedMaxAgeDesc, f.MaxAge, f.List)
		s.gauge(feedRowsDesc, float64(f.Rows), f.List)
		s.gauge(feedHeldDesc, float64(held), f.List)
		for _, result := range feedResults {
			s.counter(feedFetchesDesc, f.results[result], f.List, result)
		}
	}
}

func (m metrics) switches(s sink) {
	var panics, known, unknown uint64
	defer func() {
		s.counter(panicsDesc, panics, adapterEvents)
		s.counter(runningDesc, known, adapterEvents, "known")
		s.counter(runningDesc, unknown, adapterEvents, "unknown")
	}()
	for _, w := range m.program.switches.all() {
		panics += w.Counters().Panics.Load()
		known += w.Counters().RunningKnown.Load()
		unknown += w.Counters().RunningUnknown.Load()
		now, c, name := w.Status(), w.Counters(), w.config.Name
		for _, state := range freeswitch.SwitchStates {
			in := 0.0
			if state == now.State {
				in = 1
			}
			s.gauge(switchStateDesc, in, name, state.String())
		}
		age := math.Inf(1)
		if !now.Heard.IsZero() {
			age = m.program.now().Sub(now.Heard).Seconds()
		}
		s.gauge(switchHeardDesc, age, name)
		s.gauge(switchCallsDesc, float64(now.Calls), name)
		s.gauge(switchQueueDesc, float64(now.Queued), name)
		s.counter(switchConnectedDesc, c.Connected.Load(), name)
		s.counter(switchFailedDesc, c.Failed.Load(), name)
		s.counter(switchEventsDesc, now.Events, name)
		s.counter(switchDroppedDesc, now.Dropped, name)
		s.counter(switchSkippedDesc, now.Skipped+now.Unreadable, name)
		for mode := range c.Decided {
			for action := range c.Decided[mode] {
				s.counter(switchDecidedDesc, c.Decided[mode][action].Load(), name, freeswitch.Mode(mode).String(), rules.Action(action).String())
			}
		}
		s.counter(switchUndecidedDesc, c.GoneOn.Load(), name, "late")
		s.counter(switchUndecidedDesc, c.Unwritable.Load(), name, "unwritable")
		s.counter(switchUndecidedDesc, c.Unsent.Load(), name, "unsent")
		s.counter(switchUndecidedDesc, c.Panics.Load(), name, "panic")
		s.counter(switchRepeatedDesc, c.Repeated.Load(), name)
		s.counter(switchLateDesc, c.Late.Load(), name)
		s.counter(switchRefusedDesc, c.Gone.Load(), name, "gone")
		s.counter(switchRefusedDesc, c.Refused.Load(), name, "other")
		s.counter(switchUntrackedDesc, c.Untracked.Load(), name)
		s.counter(switchUnseenDesc, c.Unseen.Load(), name)
		for seen := range c.Outcomes {
			s.counter(switchOutcomesDesc, c.Outcomes[seen].Load(), name, rules.Observed(seen).String())
		}
	}
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
