package connections

import (
	"context"
	"fmt"
	"time"
)

// Unanswered tells how long the server of a stream has left a question unanswered; 0 if it has not.
type Unanswered interface{ Unanswered() time.Duration }

// Listen reports while a stream's server does not answer. The connection alone does not show that:
// it stays open when the server is frozen, or when something on the way swallows what is sent. It
// returns when ctx ends.
func (s *Set) Listen(ctx context.Context, of Unanswered) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	silent := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		switch unanswered := of.Unanswered(); {
		case unanswered > Patience:
			err := fmt.Errorf(
				"wait for PostgreSQL at %s, which has not answered for %s: it is stopped or overloaded, decodes a large transaction, or something on the way drops what is sent",
				s.config.Addresses(), unanswered.Round(time.Second))
			s.report.Waits(Wait{Err: err, New: !silent})
			silent = true
		case silent:
			silent = false
			s.report.Answers()
		}
	}
}
