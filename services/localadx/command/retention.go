package command

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// ApplyRetention drops the extents whose retention period is over and the tags whose own period is, at the given time.
func (x *Executor) ApplyRetention(ctx context.Context, at time.Time) error {
	for _, d := range x.config.Store.Catalog().Databases() {
		for _, t := range d.SortedTables() {
			if err := x.retain(ctx, d, t, at); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *Executor) retain(ctx context.Context, d *store.Database, t *store.Table, at time.Time) error {
	period, tags := int64(0), map[string]int64(nil)
	if text, ok := d.Policy(t, policyRetention); ok {
		var err error
		if period, err = retentionPeriod(text); err != nil {
			return err
		}
	}
	if text, ok := d.Policy(t, policyTagsRetention); ok {
		var err error
		if tags, err = tagPeriods(text); err != nil {
			return err
		}
	}
	if period == 0 && len(tags) == 0 {
		return nil
	}
	extents, err := x.config.Store.Extents(ctx, t)
	if err != nil {
		return err
	}
	var expired, before, after []store.Extent
	for _, e := range extents {
		age := value.TicksOf(at) - value.TicksOf(e.MaxCreated)
		kept := keptTags(e.Tags, tags, age)
		switch {
		case period > 0 && age > period:
			expired = append(expired, e)
		case len(kept) < len(e.Tags):
			before = append(before, e)
			e.Tags = kept
			after = append(after, e)
		}
	}
	if err := x.config.Store.DropExtents(ctx, d.Name, t.Name, expired); err != nil {
		return err
	}
	if len(after) == 0 {
		return nil
	}
	return x.config.Store.SetExtentTags(ctx, d.Name, t.Name, before, after)
}

// keptTags leaves out the tags that are older than their prefix allows.
func keptTags(tags []string, periods map[string]int64, age int64) []string {
	kept := slices.Clone(tags)
	for prefix, period := range periods {
		if age > period {
			kept = slices.DeleteFunc(kept, func(tag string) bool { return strings.HasPrefix(tag, prefix) })
		}
	}
	return kept
}
