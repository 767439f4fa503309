package partition

import (
	"errors"
	"slices"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// failure is why a partition cannot go on, and the offset from which on it cannot.
type failure struct {
	at  int64
	err error
}

func (f *failure) Error() string { return f.err.Error() }

func (f *failure) Unwrap() error { return f.err }

// ending ends a partition that has failed.
type ending struct {
	of *Partition
	// why is the failure that is furthest ahead. One that does not come from a record leaves what is
	// not sent yet.
	why *failure
}

func endingOf(p *Partition, err error) *ending {
	why, ok := errors.AsType[*failure](err)
	if !ok {
		why = &failure{p.ledger.First(), err}
	}
	return &ending{p, why}
}

// run ends the partition, and the task once all that is ahead of the failure is in the table and
// committed: what failed is then the first that is left to deal with.
func (e *ending) run() {
	p := e.of
	for told := false; !e.fenced() && e.waits(); told = true {
		if !told {
			p.of.Task.Env.Logger.Warn("the task fails once what is ahead of the failure is delivered", "topic",
				p.Source.Topic, "partition", p.Source.Partition, "offset", e.why.at, "err", e.why.err)
		}
		select {
		case d := <-p.results:
			earlier, failed := errors.AsType[*failure](p.finish(d))
			if failed && (earlier.at < e.why.at || errors.Is(earlier, errFenced)) {
				e.why = earlier
			}
		case r := <-p.splits:
			p.split(r)
		case r := <-p.stopping:
			p.drain(r)
			return
		}
	}
	fenced := e.fenced()
	p.cancel(e.why.err)
	p.drain(Stop{Fenced: fenced})
	if !fenced {
		p.of.Fail(e.why.err)
	}
}

// fenced reports whether the partition failed since it is no longer this member's.
func (e *ending) fenced() bool { return errors.Is(e.why, errFenced) || e.of.ctx.Err() != nil }

// waits reports whether something ahead of the failure is under way, and sends first what is open
// there. A range that was recorded to end beyond is not sent, since it ends nowhere else.
func (e *ending) waits() bool {
	p := e.of
	if _, recorded := p.ledger.Limit(); !recorded && p.ledger.First() < e.why.at {
		if _, err := p.closeBatch(e.why.at); err != nil {
			return false
		}
	}
	return slices.ContainsFunc(p.sent, func(b *batch.Batch) bool { return b.Cut.First < e.why.at })
}
