package transform

// structural is implemented by transforms that, in some configurations, treat all records of one
// shape alike: they move, rename, add and drop fields, and look at values only to see whether a
// struct is null. For them a record.Placeholder may stand for any value, except a struct whose
// fields they need.
type structural interface {
	// structural reports whether the transform is structural as configured.
	structural() bool
}

// Structural reports whether what the chain does to a record depends on its shape alone: its topic,
// its schemas, the names of its headers, and which of its structs are null. If so, it may be
// applied to a record of placeholders. A nil chain is structural.
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
