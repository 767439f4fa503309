package deadletter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/sink/internal/resolution"
)

// Filter chooses letters; a letter must match all that is set.
type Filter struct {
	IDs   []string
	Topic string
	// Reason is a part of the reason.
	Reason string
	Class  Class
}

// Any reports whether all letters match.
func (f Filter) Any() bool {
	return len(f.IDs) == 0 && f.Topic == "" && f.Reason == "" && f.Class == ""
}

// Check refuses a filter that no letter can match; nil if nothing is wrong.
func (f Filter) Check() *FieldError {
	for i, id := range f.IDs {
		if _, _, ok := resolution.ParseID(id); !ok {
			return &FieldError{fmt.Sprintf("filter.ids[%d]", i),
				fmt.Sprintf("filter.ids[%d] is %.100q, want partition and offset in the dead letter topic, such as 0/17", i, id)}
		}
	}
	return nil
}

func (f Filter) matches(one *Letter) bool {
	chosen := func(id string) bool { return slices.Contains(f.IDs, id) }
	return (len(f.IDs) == 0 || chosen(one.ID) || slices.ContainsFunc(one.copies, chosen)) &&
		(f.Topic == "" || f.Topic == one.Record.Topic) &&
		(f.Reason == "" || strings.Contains(one.Reason, f.Reason)) &&
		(f.Class == "" || f.Class == one.Rejection.Class)
}
