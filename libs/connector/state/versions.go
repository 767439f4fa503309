package state

import (
	"cmp"
	"maps"
	"slices"
)

// Change returns the records that make next the present configuration: first, if the two differ,
// the present one as a version, then next. If only the first is written, it repeats the present
// version, which does no harm. history is the connector's; Version and Changed of next are filled
// in.
func (c Connector) Change(history map[string]ConfigRecord, name string, next ConfigRecord) []Entry {
	if !c.Exists() {
		next.Version, next.Changed = 1, ChangedKeys(nil, next.Properties)
		return []Entry{{ConnectorKey + name, next}}
	}
	present := c.present(history)
	next.Changed = ChangedKeys(present.Properties, next.Properties)
	if len(next.Changed) == 0 {
		present.Properties, present.Tasks = next.Properties, next.Tasks
		return []Entry{{ConnectorKey + name, present}}
	}
	next.Version = present.Version + 1
	return []Entry{{versionRecordKey(name, present.Version), present}, {ConnectorKey + name, next}}
}

// present is a connector's configuration as a version. If a worker that does not count versions
// wrote it, its number is the one after those that are known.
func (c Connector) present(history map[string]ConfigRecord) ConfigRecord {
	record := c.record
	record.Properties = c.Properties()
	if record.Version == 0 {
		record.Made = c.Configured
		for _, earlier := range history {
			record.Version = max(record.Version, earlier.Version)
		}
		record.Version++
	}
	return record
}

// Versions returns the configurations of a connector that are kept, newest first.
func (c Connector) Versions(history map[string]ConfigRecord) []ConfigRecord {
	present := c.present(history)
	all := []ConfigRecord{present}
	for _, earlier := range history {
		if earlier.Version < present.Version {
			all = append(all, earlier)
		}
	}
	slices.SortFunc(all, func(a, b ConfigRecord) int { return cmp.Compare(b.Version, a.Version) })
	return all
}

// ChangedKeys returns the keys in which two configurations differ, sorted.
func ChangedKeys(before, after map[string]string) []string {
	all := maps.Clone(after)
	maps.Copy(all, before)
	maps.DeleteFunc(all, func(key, _ string) bool {
		was, had := before[key]
		is, has := after[key]
		return had == has && was == is
	})
	return slices.Sorted(maps.Keys(all))
}
