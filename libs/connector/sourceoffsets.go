package connector

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	// offsetsInterval is how often a worker reads on in the offsets topic once one of its tasks has read it: those that it takes over
	// then find little left to read.
	offsetsInterval = time.Minute
	// versionsKept is for how long the versions of tables stay in memory after tasks have started.
	versionsKept = time.Minute
)

// sourceOffsets reads the offsets of one source connector: what was committed to the offsets topic when the call was
// made, by the canonical JSON of the partition. Offsets that were removed are left out.
func (w *Worker) sourceOffsets(ctx context.Context, connector string) (map[string][]byte, error) {
	records, err := w.offsets.of(ctx, connector)
	if err != nil {
		return nil, fmt.Errorf("read the offsets: %w", err)
	}
	latest := map[string]kept{}
	for key, record := range records {
		_, partition, err := ParseOffsetKey([]byte(key))
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

// versions reads what a connector keeps in the topic of the versions of tables, in the order in which it was written.
func (w *Worker) versions(ctx context.Context, connector string) ([][]byte, error) {
	records, err := w.schemas.of(ctx, connector)
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
