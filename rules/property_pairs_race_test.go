//go:build race

package rules

// propertyPairs are fewer under the race detector, which is ten times slower: what
// it looks for is between goroutines, and has nothing to do with which rule it is.
const propertyPairs = 20_000
