package main

import (
	"encoding/json"
	"os"
	"slices"
	"sync"
	"time"
)

// counts are the numbers of one second, or of the whole run.
type counts struct {
	Kind     string         `json:"kind"` // "second" or "total"
	Elapsed  float64        `json:"elapsed_seconds"`
	Requests int            `json:"requests"`
	Failed   int            `json:"failed"`
	Retried  int            `json:"retried"` // repeated by the HTTP client itself; not failed, but worth a look
	Statuses map[int]int    `json:"statuses"`
	Versions map[string]int `json:"versions"`
	Pods     map[string]int `json:"pods"`
	P50      float64        `json:"p50_milliseconds"`
	P99      float64        `json:"p99_milliseconds"`
	Error    string         `json:"first_error,omitempty"`

	took []time.Duration
}

func newCounts(kind string) *counts {
	return &counts{Kind: kind, Statuses: map[int]int{}, Versions: map[string]int{}, Pods: map[string]int{}}
}

func (c *counts) add(got answer) {
	c.Requests++
	c.took = append(c.took, got.took)
	if got.status != 0 {
		c.Statuses[got.status]++
	}
	if got.version != "" {
		c.Versions[got.version]++
	}
	if got.pod != "" {
		c.Pods[got.pod]++
	}
	if got.retried {
		c.Retried++
	}
	if got.failure != "" {
		c.Failed++
		if c.Error == "" {
			c.Error = got.failure
		}
	}
}

func (c *counts) print(elapsed time.Duration) {
	c.Elapsed = elapsed.Round(time.Millisecond).Seconds()
	slices.Sort(c.took)
	c.P50, c.P99 = c.quantile(0.5), c.quantile(0.99)
	// An error here means that nobody reads any more; the exit code still tells.
	_ = json.NewEncoder(os.Stdout).Encode(c)
}

// quantile expects sorted durations.
func (c *counts) quantile(q float64) float64 {
	if len(c.took) == 0 {
		return 0
	}
	took := c.took[min(int(q*float64(len(c.took))), len(c.took)-1)]
	return float64(took.Round(10*time.Microsecond).Microseconds()) / 1000
}

// report gathers answers for the running second and for the whole run.
type report struct {
	sync.Mutex
	second *counts
	total  *counts
}

func newReport() *report {
	return &report{second: newCounts("second"), total: newCounts("total")}
}

func (r *report) add(got answer) {
	r.Lock()
	defer r.Unlock()
	r.second.add(got)
	r.total.add(got)
}

func (r *report) printSecond(elapsed time.Duration) {
	r.Lock()
	defer r.Unlock()
	r.second.print(elapsed)
	r.second = newCounts("second")
}

func (r *report) printTotals(elapsed time.Duration) {
	r.Lock()
	defer r.Unlock()
	r.total.print(elapsed)
}

func (r *report) failed() int {
	r.Lock()
	defer r.Unlock()
	return r.total.Failed
}
