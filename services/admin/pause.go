package admin

import (
	"context"
	"time"
)

// pause reports whether ctx lasts longer than d.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}
