// Package parity holds the test that Kamailio and FreeSWITCH show ringfence the
// same call, and what FreeSWITCH can't show.
package parity
