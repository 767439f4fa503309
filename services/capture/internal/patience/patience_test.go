package patience

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// run does something that takes until its wait is told, if it is to be told, and lists what was told.
func run(longest time.Duration, result error, tell func(chan struct{})) (told []string, err error) {
	waits := make(chan struct{})
	err = Run(longest, func() error {
		if longest < time.Hour {
			<-waits
		}
		return result
	}, Tell{
		Waits:  func() { told = append(told, "waits"); tell(waits) },
		Ends:   func() { told = append(told, "ends") },
		Untold: func(error) { told = append(told, "untold"); close(waits) },
	})
	return told, err
}

func TestWhatTakesLongIsToldAndThatItHasEndedAfterIt(t *testing.T) {
	failure := errors.New("failed")
	for name, c := range map[string]struct {
		longest time.Duration
		result  error
		tell    func(chan struct{})
		want    []string
	}{
		"at once":       {time.Hour, nil, nil, nil},
		"long":          {0, nil, func(c chan struct{}) { close(c) }, []string{"waits", "ends"}},
		"long, in vain": {0, failure, func(c chan struct{}) { close(c) }, []string{"waits"}},
		"untold":        {0, nil, func(chan struct{}) { panic("cannot tell") }, []string{"waits", "untold", "ends"}},
	} {
		told, err := run(c.longest, c.result, c.tell)
		if !slices.Equal(told, c.want) || err != c.result {
			t.Errorf("%s: told %v, %v, want %v", name, told, err, c.want)
		}
	}
}
