package queued

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// PolicyName is the batching policy's name in the catalog.
const PolicyName store.PolicyName = "ingestionbatching"

// Limits of the batching policy, from ADX's documentation ("IngestionBatching policy").
const (
	defaultTime  = 5 * time.Minute
	defaultItems = 500
	defaultSize  = 1024 // MB
	minTime      = 10 * time.Second
	maxTime      = 30 * time.Minute
	maxItems     = 25_000
	minSize      = 100  // MB
	maxSize      = 4096 // MB
)

// policyText is the policy as users write it.
type policyText struct {
	MaximumBatchingTimeSpan string `json:",omitempty"`
	MaximumNumberOfItems    int    `json:",omitempty"`
	MaximumRawDataSizeMB    int64  `json:",omitempty"`
}

// ParsePolicy reads and checks a batching policy. Limits that it leaves out are ADX's defaults.
func ParsePolicy(text json.RawMessage) (Policy, error) {
	p := Policy{Time: defaultTime, Items: defaultItems, Size: defaultSize << 20}
	var t policyText
	if err := json.Unmarshal(text, &t); err != nil {
		return p,
			fmt.Errorf(
				"the ingestion batching policy is not of the form {\"MaximumBatchingTimeSpan\":\"00:00:30\",\"MaximumNumberOfItems\":500,\"MaximumRawDataSizeMB\":1024}: %w", err)
	}
	if t.MaximumBatchingTimeSpan != "" {
		ticks, ok := value.ParseTimespan(t.MaximumBatchingTimeSpan)
		p.Time = time.Duration(ticks) * 100
		if !ok || p.Time < minTime || p.Time > maxTime {
			return p, fmt.Errorf("MaximumBatchingTimeSpan is '%s' and must be between 00:00:10 and 00:30:00",
				t.MaximumBatchingTimeSpan)
		}
	}
	if t.MaximumNumberOfItems != 0 {
		p.Items = t.MaximumNumberOfItems
		if p.Items < 1 || p.Items > maxItems {
			return p, fmt.Errorf("MaximumNumberOfItems is %d and must be between 1 and %d", p.Items, maxItems)
		}
	}
	if t.MaximumRawDataSizeMB != 0 {
		p.Size = t.MaximumRawDataSizeMB << 20
		if t.MaximumRawDataSizeMB < minSize || t.MaximumRawDataSizeMB > maxSize {
			return p, fmt.Errorf("MaximumRawDataSizeMB is %d and must be between %d and %d", t.MaximumRawDataSizeMB,
				minSize, maxSize)
		}
	}
	return p, nil
}
