package rules

// learnedUse is a learned list as the rules of a ruleset ask for it.
type learnedUse struct {
	list      *Learned
	per       bool
	upstreams []uint64 // of a list with a scope: what stands for each upstream in it
}

// use is the list of a declaration.
func (a *LearnedLists) use(spec *LearnSpec) learnedUse {
	u := learnedUse{list: a.Named(spec.Name), per: spec.Per != ""}
	if spec.Scoped {
		for _, name := range spec.Upstream {
			u.upstreams = append(u.upstreams, upstreamKey(name))
		}
	}
	return u
}

// knows tells whether the list holds n for a call, and for the subscriber when
// it is a list per subscriber. Of a list with a scope the upstream of the call
// must have taught it; while that is not known, each of the list's must have.
func (u *learnedUse) knows(n, subscriber Number, c *Call) bool {
	switch {
	case u.per:
		return !subscriber.IsZero() && u.list.has(learnedKey{n.key, subscriber.key}, c.At)
	case u.upstreams == nil:
		return u.list.has(learnedKey{number: n.key}, c.At)
	case c.upstream != nil:
		return u.list.has(learnedKey{n.key, c.upstream.hash | rawBit}, c.At)
	}
	for _, of := range u.upstreams {
		if !u.list.has(learnedKey{n.key, of}, c.At) {
			return false
		}
	}
	return true
}
