package rules

// maxPoints bounds what a rule gives, in either direction, and maxScore what
// rules read of the sum.
const (
	maxPoints = 100
	maxScore  = 1000
)

// Contribution is what one rule gave to the score of a call.
type Contribution struct {
	Rule   *Rule // its Points and its Reason
	Points int
}

// give adds what r gives to the score. The sum itself has no bound, so that the
// order of rules does not change it.
func (r *Rule) give(f *frame, v *Verdict) {
	f.points += r.Points
	v.Score = scoreOf(f.points)
	v.Scores = append(v.Scores, Contribution{r, r.Points})
}

// scoreOf is a sum of points as rules read it.
func scoreOf(points int) int { return min(max(points, -maxScore), maxScore) }
