//go:build !race

package rules

// propertyPairs is how many pairs of a ruleset and a call a run compares.
const propertyPairs = 200_000
