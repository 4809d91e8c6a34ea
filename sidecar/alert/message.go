package alert

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Message is the body of a webhook's request, as JSON.
type Message struct {
	ID      string    `json:"id"`  // the same whenever this message is sent again
	Key     string    `json:"key"` // the same for all of one alert: kind and subject
	Kind    string    `json:"kind"`
	Subject string    `json:"subject"`
	State   string    `json:"state"` // begin, end or once
	Time    time.Time `json:"time"`
	Count   int       `json:"count"` // alerts that it stands for
	Text    string    `json:"text"`
	Figures any       `json:"figures,omitempty"`
	From    string    `json:"from"` // the node
}

func message(n news, from string) Message {
	kind := n.Kind.String()
	return Message{
		ID: newID(), Key: kind + " " + n.Subject, Kind: kind, Subject: n.Subject, State: n.State.String(),
		Time: n.Time.UTC(), Count: n.count, Text: n.Text, Figures: n.Figures, From: from,
	}
}

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// SignatureHeader holds the signature of a webhook's request.
const SignatureHeader = "Ringfence-Signature"

// Sign is the value of SignatureHeader for a body that is sent at that time:
// t=SECONDS,v1=HEX, where HEX is HMAC-SHA256 with the secret as its key over
// SECONDS, a full stop and the body.
func Sign(secret string, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	sum := hmac.New(sha256.New, []byte(secret))
	sum.Write([]byte(t + "."))
	sum.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(sum.Sum(nil))
}
