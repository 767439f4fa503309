package record

// Placeholder stands in a Record for a value that is not known yet: whoever moves values about
// without looking at them can be asked once for many records.
type Placeholder struct {
	// ID tells what the value will be; it means something to who put the placeholder there only.
	ID int
	// OrElse is what is there instead where the value is null; nil for null.
	OrElse any
}

// Or is the placeholder of the same value, with another one in place of null.
func (p Placeholder) Or(value any) Placeholder {
	if p.OrElse == nil {
		p.OrElse = value
	}
	return p
}
