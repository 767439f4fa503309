package partition

import (
	"time"

	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// holdingOf is what a partition holds: how old the oldest change is of its batches under way, its open
// batch, and its records that wait to be taken. Those that nobody has looked at yet are newer.
func holdingOf(p *Partition) status.Holding {
	h := status.Holding{Next: p.next}
	older := func(at time.Time, fills bool) {
		if !at.IsZero() && (h.Oldest.IsZero() || at.Before(h.Oldest)) {
			h.Oldest, h.Fills = at, fills
		}
	}
	for _, b := range p.sent {
		older(b.FirstChange(), false)
	}
	if p.open != nil {
		older(p.open.FirstChange(), len(p.pending) == 0)
	}
	for _, r := range p.pending {
		if !r.Attrs.IsControl() && r.Value != nil {
			older(r.Timestamp, false)
			break
		}
	}
	return h
}
