package rules

// Golden is for tests that read calls as a switch sends them, and so are in a
// package of their own.
var Golden = golden
