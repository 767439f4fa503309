package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// shape makes a missing table (auto.create) or adds missing columns (auto.evolve) so that rows of a schema fit. It reports whether
// what is known of the table has changed. No column's type is changed and none is dropped.
func (t *task) shape(ctx context.Context, to *target, schema *row.Schema) (changed bool, err error) {
	to.mu.Lock()
	missing, checked := to.missing, to.checked
	to.mu.Unlock()
	if !missing && !t.s.autoEvolve {
		return false, nil
	}
	if schema == nil {
		if !missing {
			return false, nil
		}
		return false, &unmendable{fmt.Errorf("%s.%s cannot be made from records without a schema: make the table yourself, or produce values with schemas (value.converter.schemas.enable=true)", to.route.Database, to.route.Table)}
	}
	wanted := append(columnsOf(schema), t.addedColumns()...)
	table := &kusto.TableSchema{Database: to.route.Database, Table: to.route.Table}
	for _, c := range wanted {
		if checked.Schema != nil {
			if _, there := checked.Schema.Find(c.Name); there {
				continue
			}
		}
		table.Columns = append(table.Columns, c)
	}
	unmapped := unmappedColumns(checked.Mapping, wanted)
	if len(table.Columns) == 0 && (to.route.Mapping == "" || len(unmapped) == 0 && !missing) {
		return false, nil
	}
	err = t.persist(ctx, func(ctx context.Context) error {
		if len(table.Columns) > 0 {
			t.env.Logger.Info("columns are added", "database", table.Database, "table", table.Table, "columns", kusto.Declaration(table.Columns))
			if err := t.client.CreateMerge(ctx, table); err != nil {
				return to.explain(err, "Give the identity the role: .add database "+kusto.QuoteName(table.Database)+" admins")
			}
		}
		if err := t.remap(ctx, to, checked.Mapping, unmapped); err != nil {
			return err
		}
		to.mu.Lock()
		to.missing = false
		to.mu.Unlock()
		return to.look(ctx)
	})
	if err == nil && missing {
		t.keepTags(ctx, to)
	}
	return err == nil, err
}

// remap makes the route's mapping, or a version of it with the new columns. A batch under way keeps the version it was sent with.
func (t *task) remap(ctx context.Context, to *target, old *kusto.Mapping, unmapped []kusto.Column) error {
	if to.route.Mapping == "" || len(unmapped) == 0 {
		return nil
	}
	m := &kusto.Mapping{Name: to.route.Mapping, Kind: kusto.MappingKind(to.route.Format)}
	if old != nil {
		m.Columns = append(m.Columns, old.Columns...)
	}
	for _, c := range unmapped {
		m.Columns = append(m.Columns, kusto.Mapped{Column: c.Name, Path: "$['" + c.Name + "']"})
	}
	if old != nil { // the name follows from the content, so every worker finds the same
		h := fnv.New32a()
		_, _ = h.Write([]byte(m.JSON()))
		m.Name = fmt.Sprintf("%s_v%08x", to.route.Mapping, h.Sum32())
	}
	if err := t.client.PutMapping(ctx, to.route.Database, to.route.Table, m); err != nil {
		return err
	}
	to.mu.Lock()
	to.mapping = m.Name
	to.mu.Unlock()
	return nil
}

func unmappedColumns(m *kusto.Mapping, columns []kusto.Column) []kusto.Column {
	mapped := map[string]bool{}
	if m != nil {
		for _, c := range m.Columns {
			mapped[c.Column] = true
			if field, ok := c.Field(); ok {
				mapped[field] = true // the field has its place under another name
			}
		}
	}
	var out []kusto.Column
	for _, c := range columns {
		if !mapped[c.Name] {
			out = append(out, c)
		}
	}
	return out
}

func (t *target) mappingName() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mapping == "" {
		return t.route.Mapping
	}
	return t.mapping
}

// columnsOf gives each field of a row the type that loses nothing.
func columnsOf(s *row.Schema) []kusto.Column {
	columns := make([]kusto.Column, len(s.Fields))
	for i, f := range s.Fields {
		columns[i] = kusto.Column{Name: f.Name, Type: columnType(f)}
	}
	return columns
}

// columnType is the lossless type of a field. Numbers that a decimal's 34 digits may not hold, and texts whose meaning ADX has no
// type for, are strings.
func columnType(f row.Field) kusto.ColumnType {
	switch f.Semantic {
	case "org.apache.kafka.connect.data.Decimal":
		if f.Precision > 0 && f.Precision <= 34 {
			return kusto.Decimal
		}
		return kusto.String
	case "io.debezium.data.VariableScaleDecimal":
		return kusto.String
	case "io.debezium.time.Date", "org.apache.kafka.connect.data.Date", "io.debezium.time.Timestamp", "org.apache.kafka.connect.data.Timestamp",
		"io.debezium.time.MicroTimestamp", "io.debezium.time.NanoTimestamp", "io.debezium.time.ZonedTimestamp":
		return kusto.DateTime
	case "io.debezium.time.Time", "org.apache.kafka.connect.data.Time", "io.debezium.time.MicroTime", "io.debezium.time.MicroDuration":
		return kusto.Timespan
	case "io.debezium.data.Uuid":
		return kusto.GUID
	case "io.debezium.data.Json":
		return kusto.Dynamic
	}
	switch f.Type {
	case "boolean":
		return kusto.Bool
	case "int8", "int16", "int32":
		return kusto.Int
	case "int64":
		return kusto.Long
	case "float", "double", "float32", "float64":
		return kusto.Real
	case "array", "map", "struct":
		return kusto.Dynamic
	}
	return kusto.String
}

// addedColumns are the columns of the members that the sink adds to rows.
func (t *task) addedColumns() []kusto.Column {
	columns := make([]kusto.Column, len(t.s.rows.Extra))
	for i, x := range t.s.rows.Extra {
		kind := kusto.String
		switch x.From {
		case row.DeletedBool:
			kind = kusto.Bool
		case row.ChangeTime, row.Timestamp:
			kind = kusto.DateTime
		case row.Offset:
			kind = kusto.Long
		case row.Partition:
			kind = kusto.Int
		case row.Key, row.Headers:
			kind = kusto.Dynamic
		case row.OfEnvelope, row.OfSource:
			switch x.Field {
			case "lsn", "txId", "xmin", "ts_ms", "ts_us", "ts_ns":
				kind = kusto.Long
			}
		}
		columns[i] = kusto.Column{Name: x.Name, Type: kind}
	}
	return columns
}

// showState makes the view and function of the current state once, if they are asked for.
func (t *task) showState(ctx context.Context, to *target, key []byte) error {
	to.mu.Lock()
	shown := to.shown
	to.mu.Unlock()
	if shown || !t.s.currentState {
		return nil
	}
	err := t.persist(ctx, func(ctx context.Context) error {
		return to.explain(t.makeCurrentState(ctx, to, key), "Make the table with the columns that table.form=changes adds, or let auto.create make it")
	})
	to.mu.Lock()
	defer to.mu.Unlock()
	to.shown = err == nil
	return err
}

// makeCurrentState makes the view <table>_state, which keeps the latest change of each key, and the function <table>_current, which
// gives the rows that are not deleted. The order is that of _seq, so a replay changes nothing; a key that changes is a delete of the
// old and an insert of the new.
func (t *task) makeCurrentState(ctx context.Context, to *target, key []byte) error {
	names := keyFields(key)
	if len(names) == 0 {
		return &unmendable{fmt.Errorf("the current state of %s.%s needs the rows' key, but records of topic %s have none: set message.key.columns in the source connector, or current.state=false", to.route.Database, to.route.Table, to.route.Topic)}
	}
	for i, n := range names {
		names[i] = kusto.QuoteName(n)
	}
	source, view := kusto.QuoteName(to.route.Table), kusto.QuoteName(to.route.Table+"_state")
	latest := " | summarize arg_max(_seq, *) by " + strings.Join(names, ", ")
	_, err := t.client.Manage(ctx, to.route.Database, ".create ifnotexists materialized-view with (autoUpdateSchema=true, docString='The latest change of each key') "+view+" on table "+source+" { "+source+latest+" }")
	from := view
	if kusto.Unsupported(err) { // a server without materialized views computes the state on each query
		from, err = source+latest, nil
	}
	if err != nil {
		return err
	}
	added := make([]string, len(t.s.rows.Extra))
	for i, x := range t.s.rows.Extra {
		added[i] = kusto.QuoteName(x.Name)
	}
	// A truncate removes what was written before it. It has no key and stands in one partition, so _seq says nothing: positions in the
	// source's log do, and times besides, since another server that takes the source's place counts its positions anew.
	truncate := "let truncated = toscalar(" + source + " | where _op == 't' | summarize max(_lsn)); let truncatedAt = toscalar(" + source + " | where _op == 't' | summarize max(_ts)); "
	_, err = t.client.Manage(ctx, to.route.Database, ".create-or-alter function with (docString='The rows of the source, as of now') "+kusto.QuoteName(to.route.Table+"_current")+
		"() { "+truncate+from+" | where not(_deleted) | where isnull(truncated) or isnull(_lsn) or _lsn > truncated or _ts > truncatedAt | project-away "+strings.Join(added, ", ")+" }")
	return err
}

// keyFields returns the names of the fields of a record's key, written as JSON with or without a schema.
func keyFields(key []byte) []string {
	var object map[string]json.RawMessage
	if json.Unmarshal(key, &object) != nil {
		return nil
	}
	if payload, ok := object["payload"]; ok && len(object) == 2 && object["schema"] != nil {
		key = payload
	}
	d := json.NewDecoder(strings.NewReader(string(key)))
	var names []string
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return names
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				names = append(names, v)
				var skipped json.RawMessage
				if d.Decode(&skipped) != nil {
					return names
				}
			}
		}
	}
}

// keepTags sees to it that ingest-by tags are removed some time: each is kept with its extent for ever otherwise, and there is one a
// batch. A policy that says something already is left alone.
func (t *task) keepTags(ctx context.Context, to *target) {
	to.mu.Lock()
	missing := to.missing
	to.mu.Unlock()
	if !t.s.exact || to.mode == modeStreaming || missing || t.s.tagRetention == "" {
		return
	}
	table := kusto.QuoteName(to.route.Table)
	policy, err := t.client.Manage(ctx, to.route.Database, ".show table "+table+" policy extent_tags_retention")
	if err == nil && len(policy.Rows) > 0 {
		if text := strings.TrimSpace(policy.Value(0, "Policy")); text != "" && text != "null" && text != "[]" {
			return
		}
	}
	if err == nil {
		rule, _ := json.Marshal([]map[string]string{{"TagPrefix": "ingest-by:", "RetentionPeriod": t.s.tagRetention}}) // strings always marshal
		_, err = t.client.Manage(ctx, to.route.Database, ".alter table "+table+" policy extent_tags_retention "+kusto.QuoteString(string(rule)))
	}
	if err != nil {
		t.env.Logger.Warn("the retention of ingest-by tags is not looked after; a table admin can set it with .alter table <table> policy extent_tags_retention",
			"database", to.route.Database, "table", to.route.Table, "err", err)
	}
}
