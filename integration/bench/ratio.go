package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// sample is what one run of a load showed.
type sample struct {
	rate    float64 // answers a second
	cpu     float64 // processor time of the server, µs an answer
	p50     float64 // µs
	p99     float64 // µs
	lost    int     // requests or calls that got no answer
	retries int     // SIP retransmissions
}

// drive lets n workers make load at once and adds up what they saw: the time of
// each answer in µs, what was lost and sent again. cpu is the server's.
func drive(n int, cpu func() (time.Duration, error), work func(start time.Time) ([]float64, sample, error)) (sample, error) {
	before, err := cpu()
	if err != nil {
		return sample{}, err
	}
	var (
		mu    sync.Mutex
		all   []float64
		errs  []error
		total sample
		wg    sync.WaitGroup
	)
	start := time.Now()
	for range n {
		wg.Go(func() {
			times, one, err := work(start)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, times...)
			total.lost += one.lost
			total.retries += one.retries
			errs = append(errs, err)
		})
	}
	wg.Wait()
	took := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		return sample{}, err
	}
	after, err := cpu()
	if err != nil {
		return sample{}, err
	}
	if len(all) == 0 {
		return sample{}, errors.New("nothing was answered")
	}
	slices.Sort(all)
	total.rate = float64(len(all)) / took.Seconds()
	total.cpu = float64((after - before).Microseconds()) / float64(len(all))
	total.p50, total.p99 = percentile(all, 0.50), percentile(all, 0.99)
	return total, nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}

// compared is the result of alternating pairs of runs.
type compared struct {
	faster       ratio  // rate of ours over theirs
	slower       ratio  // p50 of ours over theirs
	ours, theirs sample // medians of each figure
}

// ratio is what pairs of runs gave.
type ratio struct{ median, least, most float64 }

func ratioOf(pairs []float64) ratio {
	return ratio{median(pairs), slices.Min(pairs), slices.Max(pairs)}
}

// figures prints the ratio, and the least and the most of it.
func (r ratio) figures(name string) {
	figure(name, r.median, "ratio")
	figure(name+"_least", r.least, "ratio")
	figure(name+"_most", r.most, "ratio")
}

// alternate runs the pair ours, theirs n times, each pair in the other order
// than the one before, so that a drift of the machine's speed meets both.
func alternate(n int, ours, theirs func() (sample, error)) (compared, error) {
	var a, b []sample
	var faster, slower []float64
	for i := range n {
		first, second := ours, theirs
		if i%2 == 1 {
			first, second = theirs, ours
		}
		x, err := first()
		if err != nil {
			return compared{}, err
		}
		y, err := second()
		if err != nil {
			return compared{}, err
		}
		if i%2 == 1 {
			x, y = y, x
		}
		if x.lost+y.lost > 0 {
			return compared{}, fmt.Errorf("pair %d: %d of ours and %d of theirs were never answered", i+1, x.lost, y.lost)
		}
		a, b = append(a, x), append(b, y)
		faster, slower = append(faster, x.rate/y.rate), append(slower, x.p50/y.p50)
		fmt.Fprintf(os.Stderr, "  pair %d of %d: %.0f/s and %.0f/s, ratio %.3f; p50 %.0f and %.0f µs, ratio %.3f\n", i+1, n, x.rate, y.rate, x.rate/y.rate, x.p50, y.p50, x.p50/y.p50)
	}
	return compared{ratioOf(faster), ratioOf(slower), middle(a), middle(b)}, nil
}

// middle takes each figure's median by itself.
func middle(all []sample) sample {
	pick := func(f func(sample) float64) float64 {
		v := make([]float64, len(all))
		for i, s := range all {
			v[i] = f(s)
		}
		return median(v)
	}
	m := sample{
		rate: pick(func(s sample) float64 { return s.rate }),
		cpu:  pick(func(s sample) float64 { return s.cpu }),
		p50:  pick(func(s sample) float64 { return s.p50 }),
		p99:  pick(func(s sample) float64 { return s.p99 }),
	}
	for _, s := range all {
		m.retries += s.retries
	}
	return m
}

// percentile takes the q-th part (0 to 1) of sorted values.
func percentile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
