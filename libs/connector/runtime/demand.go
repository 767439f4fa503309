package runtime

import (
	"github.com/calypso-cdc/calypso/libs/connector/classes"
	"github.com/calypso-cdc/calypso/libs/connector/state"
	"github.com/calypso-cdc/calypso/libs/connector/store"
)

// wanted is what the configurations demand of this fleet, by connector.
func wanted(store *store.Store, classes *classes.Classes) map[string]state.Wanted {
	connectors := map[string]state.Wanted{}
	for _, c := range store.Known.Connectors() {
		if plugin, ok := classes.Of(c.Config); ok {
			connectors[c.Name] = state.Wanted{Generation: c.Generation, Tasks: classes.TaskCount(plugin, c), Target: c.Target}
		}
	}
	return connectors
}

// loads counts this fleet's tasks by partition. A stopped connector counts, since it may be started again.
func loads(store *store.Store, classes *classes.Classes) []state.Load {
	loads := make([]state.Load, store.ConfigPartitions())
	for _, c := range store.Known.Connectors() {
		plugin, ok := classes.Of(c.Config)
		if !ok {
			continue
		}
		for n := range classes.TaskCount(plugin, c) {
			on := &loads[state.PartitionOf(c.Name, n, int32(len(loads)))]
			on.Tasks++
			on.Newest = max(on.Newest, c.Configured)
		}
	}
	return loads
}
