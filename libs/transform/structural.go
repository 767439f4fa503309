package transform

// structural is implemented by transforms that may do the same to all records of one shape: they
// move, rename, add and drop fields, and look at values only to see whether they are null structs.
// To such a transform a record.Placeholder may be any value but a struct that it takes apart.
type structural interface {
	// structural reports whether it is so as configured.
	structural() bool
}

// Structural reports whether what the chain does to a record depends on its shape alone: its topic,
// its schemas, the names of its headers, and which of its structs are null. Then it may be applied
// to a record of placeholders. A nil chain is.
func (c *Chain) Structural() bool {
	if c == nil {
		return true
	}
	for i := range c.steps {
		t, ok := c.steps[i].transform.(structural)
		if !ok || !t.structural() {
			return false
		}
	}
	return true
}

func (t *extractNewRecordState) structural() bool { return t.routeByField == "" && t.dropHeader == "" }

func (*regexRouter) structural() bool       { return true }
func (*logicalRouter) structural() bool     { return true }
func (*insertField) structural() bool       { return true }
func (*replaceField) structural() bool      { return true }
func (*valueToKey) structural() bool        { return true }
func (*hoistField) structural() bool        { return true }
func (*extractField) structural() bool      { return true }
func (*setSchemaMetadata) structural() bool { return true }
func (*insertHeader) structural() bool      { return true }
func (*dropHeaders) structural() bool       { return true }
func (*drop) structural() bool              { return true }
func (dropAll) structural() bool            { return true }
func (*tombstoneHandler) structural() bool  { return true }
