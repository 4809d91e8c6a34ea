// Package esl speaks the protocol of FreeSWITCH's event socket (mod_event_socket).
//
// A message of the switch is a block of header lines, an empty line, and as
// many bytes of body as its Content-Length says; nothing else ends a body. A
// Decoder reads messages, an Event is one of them, and the Append functions
// write commands. Conn is the inbound direction, in which we dial the switch:
// it sends commands, matches the replies in order, and hands out the events.
// Server is the outbound one, in which the switch's socket application dials us
// for each call.
//
// There are two ways in which a switch writes the values of an event. Events
// asked for as json are exact. Those asked for as plain, and the answer to
// connect, are percent-encoded, but a "%20" that a value already held is not
// escaped again, and an empty value is written as "_undef_": ask for json where
// there is a choice.
//
// The value of a header that was set several times is "ARRAY::a|:b" in both. What
// parts the elements may stand in one of them, too.
package esl
