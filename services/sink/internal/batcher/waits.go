package batcher

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Waits is the error of a record that cannot be taken before something has come about: it is
// offered again after Until has returned without an error. Until may run in another goroutine,
// during which no record is offered.
type Waits struct {
	Until func(context.Context) error
}

func (w *Waits) Error() string { return "the record waits" }

// step is what a record waits for at most once.
type step uint8

const (
	// aChange is that its table has what its schema needs.
	aChange step = 1 << iota
	// aLook is at the table as it is now, for a row that was refused.
	aLook
	// aLookBack is at the records before it.
	aLookBack
	// aNote is that what the table cannot follow is durably noted.
	aNote
)

// awaited are the steps that the record at an offset has waited for.
type awaited struct {
	offset int64
	steps  step
}

// has reports whether a record has waited for a step.
func (a *awaited) has(r *kgo.Record, s step) bool { return a.steps&s != 0 && a.offset == r.Offset }

// wait has a record wait for a step.
func (a *awaited) wait(r *kgo.Record, s step, work func(context.Context) error) *Waits {
	return &Waits{func(ctx context.Context) error {
		if err := work(ctx); err != nil {
			return err
		}
		if a.offset != r.Offset {
			*a = awaited{offset: r.Offset}
		}
		a.steps |= s
		return nil
	}}
}
