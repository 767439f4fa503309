package transform

// Unwrapping is what an ExtractNewRecordState does that moves values about and no more, for whoever does the same with
// the bytes of records.
type Unwrapping struct {
	// RewritesDeletes has a delete leave its old row, and every row say in __deleted whether it was deleted.
	RewritesDeletes bool
	// Fields are added to rows.
	Fields []FieldReference
}

// Unwrapping reports whether a chain is one such transform, under whatever predicate.
func (c *Chain) Unwrapping() (Unwrapping, bool) {
	if c == nil || len(c.steps) != 1 {
		return Unwrapping{}, false
	}
	t, ok := c.steps[0].transform.(*extractNewRecordState)
	if !ok || !t.structural() {
		return Unwrapping{}, false
	}
	return Unwrapping{RewritesDeletes: t.handling.deletes == deleteRewrite, Fields: t.fields}, true
}
