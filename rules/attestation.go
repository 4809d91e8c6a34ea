package rules

import "strings"

// Attestation is what a trusted trunk says of how well the signer knows the
// caller (RFC 8588 §4). It says who signed, not that the call is wanted.
type Attestation uint8

// The attestations, from none to the strongest.
const (
	Unattested         Attestation = iota
	GatewayAttestation             // C
	PartialAttestation             // B
	FullAttestation                // A
)

var attestationWords = [...]string{"none", "C", "B", "A"}

// String is the word that rules use.
func (a Attestation) String() string { return attestationWords[a] }

// Verification is what a trusted trunk says of the caller's signature.
type Verification uint8

// The results of verification.
const (
	Unverified Verification = iota
	VerificationPassed
	VerificationFailed
)

var verificationWords = [...]string{"none", "passed", "failed"}

// String is the word that rules use.
func (v Verification) String() string { return verificationWords[v] }

// vouched is what the trunk of a call vouches for.
type vouched struct {
	attestation  Attestation
	verification Verification
}

// voucher keeps what vouch read for one call.
type voucher struct {
	vouched
	read bool
}

// vouched is what the trunk vouches for, worked out once a call.
func (f *frame) vouched() vouched {
	if !f.voucher.read {
		f.voucher = voucher{f.call.vouch(), true}
	}
	return f.voucher.vouched
}

// vouch reads what a trusted trunk says in verstat and in its attestation
// headers (3GPP TS 24.229 §7.2A.20); an untrusted one says nothing, for anybody
// can write them. The verstat of P-Asserted-Identity comes before that of From.
// Of several words the one counts that says less for the caller: one failure is
// a failure, one missing validation undoes those that passed, and C is less
// than A. Without a validation that may have passed there is no attestation. A
// word that is none of the known ones says nothing.
func (c *Call) vouch() (v vouched) {
	if c.trunk == nil || !c.trunk.Trusted {
		return v
	}
	verdicts := verstats{}
	for i := range c.Asserted {
		verdicts.read(c.Asserted[i].Verstat)
	}
	if !verdicts.any {
		verdicts.read(c.From.Verstat)
	}
	switch {
	case verdicts.failed:
		return vouched{verification: VerificationFailed}
	case verdicts.missing:
		return v
	case verdicts.any:
		v.verification = VerificationPassed
	}
	weakest := verdicts.weakest
	for words := c.Attestation; words != ""; {
		var word string
		word, words, _ = strings.Cut(words, ",")
		word, _, _ = strings.Cut(word, ";")
		weakest = weaker(weakest, attestationOf(strings.TrimSpace(word)))
	}
	v.attestation = weakest
	return v
}

// verstats are the verstat parameters of a call.
type verstats struct {
	any, failed, missing bool
	weakest              Attestation
}

// read takes in verstat values, separated by commas: one of the words of
// TS 24.229 in any case, then what vendors add, as in TN-Validation-Passed-A.
func (v *verstats) read(words string) {
	for words != "" {
		var word string
		word, words, _ = strings.Cut(words, ",")
		word = strings.TrimSpace(word)
		if rest, ok := cutFold(word, "TN-Validation-Passed"); ok {
			v.any = true
			rest, _, _ = strings.Cut(strings.TrimPrefix(rest, "-"), "-")
			v.weakest = weaker(v.weakest, attestationOf(rest))
		} else if _, ok := cutFold(word, "TN-Validation-Failed"); ok {
			v.any, v.failed = true, true
		} else if _, ok := cutFold(word, "No-TN-Validation"); ok {
			v.any, v.missing = true, true
		}
	}
}

// attestationOf reads A, B or C in any case.
func attestationOf(word string) Attestation {
	if len(word) == 1 {
		switch word[0] | 0x20 {
		case 'a':
			return FullAttestation
		case 'b':
			return PartialAttestation
		case 'c':
			return GatewayAttestation
		}
	}
	return Unattested
}

// weaker is the weaker of two attestations that were said; Unattested says
// nothing.
func weaker(a, b Attestation) Attestation {
	if a == Unattested || b == Unattested {
		return max(a, b)
	}
	return min(a, b)
}

// cutFold cuts a prefix off in any case; what follows must be nothing or begin
// with "-".
func cutFold(s, prefix string) (rest string, ok bool) {
	if len(s) < len(prefix) || !strings.EqualFold(s[:len(prefix)], prefix) {
		return "", false
	}
	rest = s[len(prefix):]
	return rest, rest == "" || rest[0] == '-'
}

// signerHeaders are those in which a network that verified a call hands on the
// origination id of its PASSporT (SHAKEN, ATIS-1000074).
var signerHeaders = [...]string{"p-origination-id", "origination-id"}

// signer is the origination id of a call, looked for once.
func (f *frame) signer() string {
	c := f.call
	if f.origination.read || c.trunk == nil || !c.trunk.Trusted || c.Headers == nil {
		return f.origination.text
	}
	f.origination.read = true
	for _, name := range signerHeaders {
		if text, ok := c.Headers.Header(name); ok && text != "" {
			f.origination.text = text
			break
		}
	}
	return f.origination.text
}
