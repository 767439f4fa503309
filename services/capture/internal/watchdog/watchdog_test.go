package watchdog

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// run makes a call that lasts until it was reported as slow, if it is to be, and lists the reports.
func run(limit time.Duration, result error, report func(chan struct{})) (reports []string, err error) {
	slow := make(chan struct{})
	err = Run(limit, func() error {
		if limit < time.Hour {
			<-slow
		}
		return result
	}, Reports{
		Slow:      func() { reports = append(reports, "slow"); report(slow) },
		Succeeded: func() { reports = append(reports, "succeeded") },
		Failed:    func(error) { reports = append(reports, "failed"); close(slow) },
	})
	return reports, err
}

func TestASlowCallIsReportedAndAfterItThatItSucceeded(t *testing.T) {
	failure := errors.New("failed")
	for name, c := range map[string]struct {
		limit  time.Duration
		result error
		report func(chan struct{})
		want   []string
	}{
		"fast":          {time.Hour, nil, nil, nil},
		"slow":          {0, nil, func(c chan struct{}) { close(c) }, []string{"slow", "succeeded"}},
		"slow, fails":   {0, failure, func(c chan struct{}) { close(c) }, []string{"slow"}},
		"report panics": {0, nil, func(chan struct{}) { panic("no report") }, []string{"slow", "failed", "succeeded"}},
	} {
		reports, err := run(c.limit, c.result, c.report)
		if !slices.Equal(reports, c.want) || err != c.result {
			t.Errorf("%s: reported %v, %v, want %v", name, reports, err, c.want)
		}
	}
}
