package transform

import "github.com/calypso-cdc/calypso/libs/record"

// insertHeader is InsertHeader: a header with a fixed text.
type insertHeader struct{ header record.Header }

func newInsertHeader(o *options) (Transform, error) {
	h := record.Header{Key: o.required("header"), Schema: record.Of(record.String), Value: o.text("value.literal", "")}
	return &insertHeader{h}, o.err
}

func (t *insertHeader) Apply(r *record.Record) (*record.Record, error) {
	r.Headers = append(r.Headers, t.header)
	return r, nil
}

// dropHeaders is DropHeaders.
type dropHeaders struct{ names map[string]bool }

func newDropHeaders(o *options) (Transform, error) {
	o.required("headers")
	t := &dropHeaders{names: map[string]bool{}}
	for _, n := range o.list("headers") {
		t.names[n] = true
	}
	return t, o.err
}

func (t *dropHeaders) Apply(r *record.Record) (*record.Record, error) {
	var kept []record.Header
	for _, h := range r.Headers {
		if !t.names[h.Key] {
			kept = append(kept, h)
		}
	}
	r.Headers = kept
	return r, nil
}
