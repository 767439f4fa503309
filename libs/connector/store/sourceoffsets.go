package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/calypso-cdc/calypso/libs/connector"
)

// Offsets reads the offsets of one source connector from the topic: those committed when the call
// is made, by the canonical JSON of the partition. Offsets that were removed are left out.
func (t *StateTopic) Offsets(ctx context.Context, name string) (map[string][]byte, error) {
	records, err := t.of(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read the offsets: %w", err)
	}
	latest := map[string]kept{}
	for key, record := range records {
		_, partition, err := connector.ParseOffsetKey([]byte(key))
		if err != nil {
			continue
		}
		// Something else may have written the same partition in another way.
		if known, ok := latest[string(partition)]; !ok || record.after(known) > 0 {
			latest[string(partition)] = record
		}
	}
	offsets := map[string][]byte{}
	for partition, record := range latest {
		if record.value != nil {
			offsets[partition] = record.value
		}
	}
	return offsets, nil
}

// Values reads the values that a connector keeps in the topic, in the order in which they were
// written.
func (t *StateTopic) Values(ctx context.Context, name string) ([][]byte, error) {
	records, err := t.of(ctx, name)
	if err != nil {
		return nil, err
	}
	var values [][]byte
	for _, record := range slices.SortedFunc(maps.Values(records), kept.after) {
		if record.value != nil {
			values = append(values, record.value)
		}
	}
	return values, nil
}
