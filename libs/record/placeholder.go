package record

// Placeholder stands in a Record for a value that is not known yet: a chain that moves values
// without looking at them can then be run once for many records.
type Placeholder struct {
	// ID identifies the value to whoever made the placeholder; it means nothing to others.
	ID int
	// OrElse replaces the value if that is null; nil leaves null.
	OrElse any
}

// Or returns a placeholder for the same value, with the given one in place of null.
func (p Placeholder) Or(value any) Placeholder {
	if p.OrElse == nil {
		p.OrElse = value
	}
	return p
}
