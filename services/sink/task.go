package sink

import (
	"context"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/services/sink/internal/membership"
	"github.com/calypso-cdc/calypso/services/sink/internal/memory"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

// task is one member of the connector's consumer group.
type task struct {
	env    connector.TaskEnv
	spec   *spec.Spec
	o      Options
	status *status.Task
	memory *memory.Share
}

func newTask(env connector.TaskEnv, v catalogue.Values, o Options) (*task, error) {
	s, err := spec.Parse(v, o.defaults())
	if err != nil {
		return nil, err
	}
	held := memory.NewShare(&o.Registry.Memory)
	return &task{env: env, spec: s, o: o, status: status.NewTask(env, held, s.Guarantee()), memory: held}, nil
}

// Holds implements connector.Holder.
func (t *task) Holds() int64 { return t.memory.Held.Load() }

// Run consumes until ctx ends. What is committed is in the table; what is not is read again by whoever comes next.
func (t *task) Run(ctx context.Context) error {
	return t.run(ctx, func(*pipeline, *membership.Membership) {})
}

// run is Run, and tells joined of each membership of the group.
func (t *task) run(ctx context.Context, joined func(*pipeline, *membership.Membership)) error {
	for _, w := range t.spec.Warnings {
		t.env.Logger.Warn(w)
	}
	t.o.Registry.Add(t.status)
	defer t.o.Registry.Remove(t.status)
	t.o.Registry.Memory.Enter(t.spec.BufferMemory)
	defer t.o.Registry.Memory.Leave()
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p, err := open(running, cancel, t)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	return p.run(ctx, func(m *membership.Membership) { joined(p, m) })
}
