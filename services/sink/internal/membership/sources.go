package membership

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
)

// sources are the partitions that the client names by topic, in order.
func sources(partitions map[string][]int32) []batch.Source {
	var all []batch.Source
	for topic, numbers := range partitions {
		for _, number := range numbers {
			all = append(all, batch.Source{Topic: topic, Partition: number})
		}
	}
	slices.SortFunc(all, batch.Source.Compare)
	return all
}

// named are partitions as errors and logs show them.
func named(partitions []batch.Source) string {
	names := make([]string, len(partitions))
	for i, of := range partitions {
		names[i] = fmt.Sprintf("%s/%d", of.Topic, of.Partition)
	}
	const most = 5
	if more := len(names) - most; more > 0 {
		names = append(names[:most], fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
