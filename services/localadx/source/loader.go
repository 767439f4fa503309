package source

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"

	"github.com/calypso-cdc/calypso/services/localadx/engine"
	"github.com/calypso-cdc/calypso/services/localadx/fidelity"
	"github.com/calypso-cdc/calypso/services/localadx/ingest"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// Loader loads sources into the tables of a store. It is safe for concurrent use.
type Loader struct {
	Store *store.Store
	// Schemas are the tables as Stream knows them; nil knows each as it is.
	Schemas *Schemas
}

// Stream is Load for streamed rows. A column that is not known yet gets none of them.
func (l *Loader) Stream(ctx context.Context, db, table string, p Properties, content io.Reader) (store.Extent,
	ingest.Counts, error) {
	var counts ingest.Counts
	extent, err := l.Store.Ingest(ctx, db, table, store.Load{Streamed: true}, func(in *store.Ingestion) error {
		d, t := l.Schemas.table(in.Database, in.Table)
		emit := in.Append
		if t != in.Table {
			emit = asKnown(in, t)
		}
		var err error
		counts, err = fill(in, d, t, emit, p, ingest.Source{IgnoreFirstRecord: p.IgnoreFirstRecord}, content)
		return err
	})
	return extent, counts, Classify(err)
}

// asKnown appends rows that have the columns of the table as it was known.
func asKnown(in *store.Ingestion, known *store.Table) func([]driver.Value) error {
	row := make([]driver.Value, len(in.Table.Columns))
	from := make([]int, len(row))
	for i, c := range in.Table.Columns {
		from[i] = -1
		if at, ok := known.Column(c.Name); ok && known.Columns[at].ID == c.ID && known.ID == in.Table.ID {
			from[i] = at
		} else if c.Type == value.String {
			row[i] = ""
		}
	}
	return func(read []driver.Value) error {
		for i, at := range from {
			if at >= 0 {
				row[i] = read[at]
			}
		}
		return in.Append(row)
	}
}

// Load ingests one source in a transaction of its own. Errors about the source or the table are *ingest.Error, except
// store.ErrTagExists.
func (l *Loader) Load(ctx context.Context, db, table string, p Properties, load store.Load,
	content io.Reader) (store.Extent, ingest.Counts, error) {
	var counts ingest.Counts
	extent, err := l.Store.Ingest(ctx, db, table, load, func(in *store.Ingestion) error {
		var err error
		counts, err = Fill(in, p, ingest.Source{IgnoreFirstRecord: p.IgnoreFirstRecord}, content)
		return err
	})
	return extent, counts, Classify(err)
}

// Fill reads one source into an ingestion under way.
func Fill(in *store.Ingestion, p Properties, from ingest.Source, content io.Reader) (ingest.Counts, error) {
	return fill(in, in.Database, in.Table, in.Append, p, from, content)
}

// fill reads one source by the mappings and columns of a table as it is known.
func fill(in *store.Ingestion, d *store.Database, t *store.Table, emit func([]driver.Value) error, p Properties,
	from ingest.Source, content io.Reader) (ingest.Counts, error) {
	mapping, err := findMapping(d, t, p)
	if err != nil {
		return ingest.Counts{}, err
	}
	plan, err := ingest.NewPlan(t.KQLColumns(), p.Format, mapping)
	if err != nil {
		return ingest.Counts{}, err
	}
	counts, err := plan.Read(&bounded{content: content, left: maxSource}, from, emit)
	in.OriginalSize += counts.Bytes
	return counts, err
}

// maxSource is the largest source in bytes, uncompressed; ADX's.
const maxSource = 6 << 30

// bounded ends a source that is larger than one may be, as what a small compressed one becomes.
type bounded struct {
	content io.Reader
	left    int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.content.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, &ingest.Error{Code: ingest.CodeFileTooLarge,
			Message: fmt.Sprintf("The source is larger than %d GB, uncompressed", int64(maxSource)>>30)}
	}
	return n, err
}

// findMapping returns the mapping that the properties name or hold, nil when they do neither.
func findMapping(d *store.Database, t *store.Table, p Properties) (*ingest.Mapping, error) {
	kind := p.Format.MappingKind()
	switch {
	case p.MappingText != "":
		return ingest.ParseMapping(kind, p.MappingText)
	case p.MappingName != "":
		m, ok := d.Mapping(t, store.MappingKey{Kind: kind, Name: p.MappingName})
		if !ok {
			return nil, &ingest.Error{Code: ingest.CodeMappingNotFound,
				Message: fmt.Sprintf("Mapping reference '%s' of type '%s' in database '%s' and table '%s' could not be found",
					p.MappingName, kind, d.Name, t.Name)}
		}
		return ingest.ParseMapping(kind, m.Text)
	}
	return nil, nil
}

// Extend adds the columns to the table that the mapping names with a type and the table lacks; queued ingestion does
// that, the other kinds do not.
func (l *Loader) Extend(ctx context.Context, db, table string, p Properties) error {
	d, err := l.Store.Catalog().Database(db)
	if err != nil {
		return Classify(err)
	}
	t, err := d.Table(table)
	if err != nil {
		return Classify(err)
	}
	mapping, err := findMapping(d, t, p)
	if err != nil || mapping == nil {
		return err
	}
	missing := mapping.MissingColumns(t.KQLColumns())
	if len(missing) == 0 {
		return nil
	}
	return Classify(l.Store.ChangeDatabase(ctx, db, func(c *store.Change) error {
		t, err := c.Database.Table(table)
		if err != nil {
			return err
		}
		return c.MergeColumns(t, missing)
	}))
}

// Classify gives errors of the store the codes of ingestion; other errors stay as they are.
func Classify(err error) error {
	var missing *store.NotFoundError
	var invalid *store.InvalidError
	var policy *store.UpdatePolicyError
	var panicked *store.PanicError
	var denied *fidelity.Denied
	switch {
	case err == nil:
		return nil
	case errors.As(err, &policy):
		return &ingest.Error{Code: ingest.CodeUpdatePolicy, Message: policy.Error(), Transient: engine.IsLowMemory(err)}
	case errors.As(err, &denied):
		return &ingest.Error{Code: ingest.CodeTableAccess, Message: denied.Error()}
	case errors.As(err, &panicked):
		return &ingest.Error{Code: ingest.CodeInternal, Message: panicked.Error()}
	case errors.As(err, &missing) && missing.Kind == "Database":
		return &ingest.Error{Code: ingest.CodeDatabaseNotFound, Message: missing.Error()}
	case errors.As(err, &missing):
		return &ingest.Error{Code: ingest.CodeTableNotFound, Message: missing.Error()}
	case errors.As(err, &invalid):
		return &ingest.Error{Code: ingest.CodeInvalidMapping, Message: invalid.Reason}
	}
	return err
}
