package capture

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// producer is the producer of a capture, whose offset is its checkpoint.
type producer struct {
	*deliver.Producer
	offsetKey []byte
	// schemas is where versions of tables go; nil if they are not kept.
	schemas *schemaLog
	// saved is the checkpoint that was written last. It is durable if the producer is.
	saved checkpoint
}

func newProducer(ctx context.Context, t *task) (*producer, error) {
	p, err := deliver.Open(ctx, deliver.Config{Env: t.env, Settings: t.spec.Delivery, AtLeastOnce: t.delivery == AtLeastOnce, Fail: t.fail})
	if err != nil {
		return nil, err
	}
	return &producer{Producer: p, offsetKey: connector.OffsetKey(t.env.Connector, map[string]any{"server": t.spec.Prefix})}, nil
}

// write sends a batch and the checkpoint that it leads to. Both are durable with the next Commit.
func (p *producer) write(ctx context.Context, b *batch, next checkpoint) error {
	value, err := json.Marshal(&next)
	if err != nil {
		return fmt.Errorf("write the checkpoint: %w", err)
	}
	var versions []*kgo.Record
	if p.schemas != nil {
		if versions, err = p.schemas.records(b.versions); err != nil {
			return err
		}
	}
	if err := p.Write(ctx, b.Records, p.offsetKey, value, versions...); err != nil {
		return err
	}
	p.saved = next
	return nil
}

// deliver makes a batch and the checkpoint after it durable.
func (p *producer) deliver(ctx context.Context, b *batch, next checkpoint) error {
	if err := p.write(ctx, b, next); err != nil {
		return err
	}
	if err := p.Commit(ctx); err != nil {
		return err
	}
	p.Settle(ctx)
	return nil
}

// load reads the checkpoint; nil if the connector has none.
func (p *producer) load(ctx context.Context, env connector.TaskEnv, prefix string) (*checkpoint, error) {
	c, err := readCheckpoint(ctx, env, prefix)
	if c != nil {
		p.saved = *c
	}
	return c, err
}

// readCheckpoint reads a connector's checkpoint; nil if it has none.
func readCheckpoint(ctx context.Context, env connector.TaskEnv, prefix string) (*checkpoint, error) {
	offsets, err := env.Offsets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the connector's offsets: %w", err)
	}
	partition, err := json.Marshal(map[string]string{"server": prefix})
	if err != nil {
		return nil, err
	}
	raw, ok := offsets[string(partition)]
	if !ok || len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	c := new(checkpoint)
	if err := json.Unmarshal(raw, c); err != nil {
		return nil, fmt.Errorf("read the connector's offset %.200s: %w", raw, err)
	}
	return c, nil
}
