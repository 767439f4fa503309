package transform

// Unwrapping describes an ExtractNewRecordState that only moves values, for callers that do the
// same on the bytes of records.
type Unwrapping struct {
	// RewritesDeletes: a delete becomes its old row, and every row gets a field __deleted.
	RewritesDeletes bool
	// Fields are the envelope's fields to add to rows.
	Fields []FieldReference
}

// Unwrapping reports whether the chain consists of one such transform, with or without a predicate,
// and returns what that does.
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
