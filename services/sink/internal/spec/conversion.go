package spec

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// Conversion takes records the long way, where scanning their bytes will not do: a converter that
// is not JSON or text, or transforms other than ExtractNewRecordState. The value comes out as JSON
// with a schema, which the encoder reads like any other. Converters remember schemas and are shared
// by all of a task. Chains keep caches and belong to one goroutine, so each encoder has one of its
// own.
type Conversion struct {
	key, value, out record.Converter
	Chain           *transform.Chain
}

// conversions makes the long ways of a configuration whose values are converted so, by a chain like this one.
func conversions(v catalogue.Values, value record.Converter, chain *transform.Chain) (func() *Conversion, error) {
	key, err := converter.New(converter.Key, v.Raw())
	if err != nil {
		return nil, err
	}
	out := &record.JSON{Schemas: true, KeepNull: true}
	return func() *Conversion {
		return &Conversion{key: key.Converter, value: value, out: out, Chain: chain.Copy()}
	}, nil
}

// chainOf is the chain of transforms that a configuration asks for; nil for none.
func chainOf(v catalogue.Values) (*transform.Chain, error) {
	chain, err := transform.FromSettings(v.Raw())
	if err == nil {
		return chain, nil
	}
	if problem, ok := errors.AsType[catalogue.Problem](err); ok {
		return nil, problem
	}
	return nil, catalogue.Problemf(catalogue.TransformsKey, "%w", err)
}

func (c *Conversion) Apply(r *kgo.Record) (*kgo.Record, error) {
	in := &record.Record{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Timestamp: r.Timestamp.UnixMilli()}
	var err error
	if in.ValueSchema, in.Value, err = c.value.Decode(r.Topic, r.Value); err != nil {
		return nil, fmt.Errorf("value.converter: %w", err)
	}
	if in.KeySchema, in.Key, err = c.key.Decode(r.Topic, r.Key); err != nil {
		return nil, fmt.Errorf("key.converter: %w", err)
	}
	for _, h := range r.Headers {
		in.Headers = append(in.Headers, record.Header{Key: h.Key, Schema: record.Of(record.String), Value: string(h.Value)})
	}
	if c.Chain != nil {
		if in, err = c.Chain.Apply(in); err != nil {
			return nil, &TransformError{err}
		}
		if in == nil {
			return nil, nil
		}
	}
	out := *r
	out.Topic, out.Value = in.Topic, nil
	if in.Value != nil {
		if out.Value, err = c.out.Encode(nil, in.Topic, in.ValueSchema, in.Value); err != nil {
			return nil, fmt.Errorf("write the transformed value: %w", err)
		}
	}
	return &out, nil
}

// Plain is the same converters without transforms.
func (c *Conversion) Plain() *Conversion {
	return &Conversion{key: c.key, value: c.value, out: c.out}
}

// KeyJSON is a record's key as JSON with a schema.
func (c *Conversion) KeyJSON(r *kgo.Record) ([]byte, error) {
	schema, key, err := c.key.Decode(r.Topic, r.Key)
	if err != nil {
		return nil, fmt.Errorf("key.converter: %w", err)
	}
	return c.out.Encode(nil, r.Topic, schema, key)
}

// TopicOf is the topic by which a record is routed: transforms may change it. It is not sure of
// what they do not get, or cannot read.
func (s *Spec) TopicOf(r *kgo.Record) (topic string, sure bool) {
	if s.Rows.Transform == nil {
		return r.Topic, true
	}
	if r.Attrs.IsControl() {
		return r.Topic, false
	}
	changed, err := s.NewRows(route.Route{}).Transform(r)
	if err != nil || changed == nil {
		return r.Topic, false
	}
	if _, ok := s.Routes.Find(changed.Topic); !ok {
		return r.Topic, true
	}
	return changed.Topic, true
}

// TransformError says that a transform failed.
type TransformError struct{ error }

func (e *TransformError) Unwrap() error { return e.error }
