package change

// apply changes the codec as a column mapping asks; m may be nil.
func (c *codec) apply(m *ColumnMapping, col *Column) error { return nil }
