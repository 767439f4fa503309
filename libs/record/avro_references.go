package record

import (
	"context"
	"fmt"
)

const (
	// maxReferences bounds the schemas that a schema refers to, directly or through others, and
	// maxReferenceDepth the length of a chain of references: each schema costs a request.
	maxReferences     = 1000
	maxReferenceDepth = 64
)

// resolve returns the texts of the schemas that references name, each after those that it refers to
// itself, and their total size. Of several references with one name the first counts, as in
// Confluent's client (AvroSchemaProvider, resolveReferences).
func (c *Avro) resolve(references []Reference) (texts []string, bytes int, err error) {
	r := resolution{of: c, found: map[string]bool{}}
	if err := r.add(references, 0); err != nil {
		return nil, 0, err
	}
	return r.texts, r.bytes, nil
}

// resolution is a walk through references that puts each schema after those that it refers to.
type resolution struct {
	of *Avro
	// found has the names met so far; the value is false until the schema is among texts, which is
	// while its own references are resolved.
	found map[string]bool
	texts []string
	bytes int
}

func (r *resolution) add(references []Reference, depth int) error {
	if depth > maxReferenceDepth {
		return fmt.Errorf("its references form a chain of more than %d schemas", maxReferenceDepth)
	}
	for _, ref := range references {
		switch complete, met := r.found[ref.Name]; {
		case complete:
			continue
		case met:
			return fmt.Errorf("its reference %v leads back to itself", ref)
		case len(r.found) >= maxReferences:
			return fmt.Errorf("it refers to more than %d schemas", maxReferences)
		}
		r.found[ref.Name] = false
		place := Reference{Subject: ref.Subject, Version: ref.Version}
		written, err := r.of.referenced.get(place, func() (WrittenSchema, int, error) {
			written, err := r.of.Registry.Referenced(context.Background(), ref)
			return written, len(written.Text), err
		})
		if err != nil {
			return fmt.Errorf("get its reference %v from the registry: %w", ref, err)
		}
		if err := r.add(written.References, depth+1); err != nil {
			return err
		}
		if r.bytes += len(written.Text); r.bytes > maxSchemaBytes {
			return fmt.Errorf("the schemas that it refers to have more than %d bytes", maxSchemaBytes)
		}
		r.texts = append(r.texts, written.Text)
		r.found[ref.Name] = true
	}
	return nil
}
