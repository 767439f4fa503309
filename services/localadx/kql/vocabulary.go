package kql

import (
	"slices"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
)

// completions are operators that an editor completes to more than their name; those that are old
// spellings of others it does not complete at all.
var completions = map[string]string{
	"facet": "facet by", "join": "join kind=inner", "order": "order by", "partition": "partition by", "sort": "sort by",
	"filter": "", "mvapply": "", "mvexpand": "",
}

// Operators returns the tabular operators that may follow a pipe, sorted: what an editor completes there.
func Operators() []string {
	var all []string
	for _, name := range syntax.OperatorNames() {
		if text, ok := completions[name]; ok {
			name = text
		}
		if name != "" {
			all = append(all, name)
		}
	}
	return slices.Sorted(slices.Values(all))
}
