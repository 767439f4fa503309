package chaos

import (
	"context"
	"flag"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

var duration = flag.Duration("duration", 10*time.Minute, "how long TestSoak breaks things; a fifth of it with -short")

// TestSoak breaks anything at random for long, everything at once, and then wants every change in ADX exactly once.
func TestSoak(t *testing.T) {
	r := newSinkRig(t)
	restart := func(ctx context.Context, name string) {
		if err := r.Service(name).Restart(ctx); err != nil {
			t.Error(err)
		}
	}
	faults := []struct {
		name string
		do   func(ctx context.Context)
	}{
		{"kill -9 of capture", func(ctx context.Context) { restart(ctx, "capture") }},
		{"kill -9 of sink", func(ctx context.Context) { restart(ctx, "sink") }},
		{"kill -9 of ADX", func(ctx context.Context) { restart(ctx, "localadx") }},
		{"kill -9 of admin", func(ctx context.Context) { restart(ctx, "admin") }},
		{"kill -9 of the broker", func(ctx context.Context) {
			r.Kafka.Kill()
			if err := r.Kafka.Start(ctx); err != nil {
				t.Error(err)
			}
		}},
		{"a restart of PostgreSQL", func(ctx context.Context) {
			_ = r.Postgres.Stop(testenv.Immediate)
			if err := r.Postgres.Start(ctx); err != nil {
				t.Error(err)
			}
		}},
		{"a broken network", func(context.Context) { r.breakNetwork(r.database, r.Kafka.Proxy, r.ADXProxy, r.StorageProxy) }},
	}
	r.under(t, *duration, func(ctx context.Context) {
		f := faults[r.random.IntN(len(faults))]
		t.Logf("%s: %s", time.Now().Format(time.TimeOnly), f.name)
		f.do(ctx)
		r.wait(5 * time.Second)
	})
	r.verify(t)
}
