package capture

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// pollSource is a table that is polled, or the query.
//
// Rows come in the order of the mode's columns. In mode timestamp the primary key breaks ties, so that polling can go on
// between rows of the same time; without a key, rows of the same time share a Kafka transaction.
type pollSource struct {
	set       *pollSettings
	mode      pollMode
	table     pgrepl.Table // empty for the query
	name      string       // for messages
	topic     string
	offsetKey []byte
	// offset is that of the last row delivered.
	offset pollOffset
	due    time.Time

	schema  *record.Schema
	columns []pollColumn
	// stamps, number and ties are indexes of columns: the timestamps, the incrementing one (-1 if none), the primary key.
	stamps []int
	number int
	ties   []int
}

// pollOffset is how far a source was polled. The zero value is before the first row.
type pollOffset struct {
	// stamp is the last time in microseconds since the Unix epoch, with mode timestamp only.
	stamp    int64
	hasStamp bool
	number   int64
	hasNum   bool
	// tie is the last row's primary key, as text; nil if it has none.
	tie []string
}

// newPollSource makes a source that goes on after its offset in offsets, which are by the canonical JSON of the partition.
func newPollSource(set *pollSettings, t pgrepl.Table, name string, offsets map[string][]byte) (*pollSource, error) {
	s := &pollSource{set: set, mode: set.mode, table: t, name: "table " + t.String(), topic: set.settings.prefix + t.Name, number: -1}
	partition := map[string]any{"protocol": "1", "table": t.String()}
	if set.query != "" {
		s.name, partition = "the query", map[string]any{"query": "query"}
	}
	s.offsetKey = connector.OffsetKey(name, partition)
	canonical, err := json.Marshal(partition)
	if err != nil {
		return nil, err
	}
	if raw, ok := offsets[string(canonical)]; ok && len(raw) > 0 {
		if s.offset, err = parsePollOffset(raw); err != nil {
			return nil, fmt.Errorf("read the offset of %s: %w", s.name, err)
		}
		return s, nil
	}
	if s.mode.increments() && !s.mode.timestamps() {
		s.offset.number, s.offset.hasNum = set.firstNumber, true
	}
	if s.mode.timestamps() && set.firstTime != nil {
		s.offset.stamp, s.offset.hasStamp = *set.firstTime*1000, true
	}
	return s, nil
}

func (s *pollSource) id() string {
	if s.set.query != "" {
		return ""
	}
	return s.table.String()
}

// inOrder are the sources by name.
func (s *pollSession) inOrder() []*pollSource {
	var out []*pollSource
	for _, name := range slices.Sorted(maps.Keys(s.sources)) {
		out = append(out, s.sources[name])
	}
	return out
}

// pollOffsetJSON is an offset as Confluent's connector writes it (TimestampIncrementingOffset), and the tie.
type pollOffsetJSON struct {
	Number *int64   `json:"incrementing,omitempty"`
	Millis *int64   `json:"timestamp,omitempty"`
	Nanos  *int64   `json:"timestamp_nanos,omitempty"` // of the second
	Tie    []string `json:"tie,omitempty"`
}

// json is the offset's JSON; nil in mode bulk, which has none.
func (o pollOffset) json(mode pollMode) []byte {
	if mode == pollBulk || !o.hasStamp && !o.hasNum {
		return nil
	}
	var v pollOffsetJSON
	if o.hasNum {
		v.Number = &o.number
	}
	if o.hasStamp {
		millis, nanos := floorDiv(o.stamp, 1000), (o.stamp-floorDiv(o.stamp, 1e6)*1e6)*1000
		v.Millis, v.Nanos, v.Tie = &millis, &nanos, o.tie
	}
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // numbers and strings are JSON
	}
	return out
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func parsePollOffset(raw []byte) (o pollOffset, err error) {
	var v pollOffsetJSON
	if err := json.Unmarshal(raw, &v); err != nil {
		return o, fmt.Errorf("%.200s: %w", raw, err)
	}
	if v.Number != nil {
		o.number, o.hasNum = *v.Number, true
	}
	if v.Millis != nil {
		o.stamp, o.hasStamp, o.tie = *v.Millis*1000, true, v.Tie
		if v.Nanos != nil {
			o.stamp = floorDiv(*v.Millis, 1000)*1e6 + *v.Nanos/1000
		}
	}
	return o, nil
}

// describe reads what the rows look like now.
func (s *pollSource) describe(ctx context.Context, conn *pgx.Conn) error {
	var err error
	var key []string
	if s.set.query != "" {
		s.columns, err = describeQuery(ctx, conn, s.set.query)
	} else {
		s.columns, key, err = describeTable(ctx, conn, s.table)
	}
	if err != nil {
		return err
	}
	s.schema = &record.Schema{Type: record.Struct, Name: s.table.Name}
	for i := range s.columns {
		c := &s.columns[i]
		c.compile(s.set)
		s.schema.Fields = append(s.schema.Fields, record.Field{Name: c.name, Schema: c.schema.AsOptional(!c.notNull)})
	}
	s.stamps, s.number, s.ties = nil, -1, nil
	if s.mode.timestamps() {
		required := true
		for _, name := range s.set.timestamps {
			i, err := s.index("timestamp.column.name", name)
			if err != nil {
				return err
			}
			if oid := s.columns[i].oid; oid != pgtype.TimestampOID && oid != pgtype.TimestamptzOID {
				return retry.Permanent("timestamp.column.name: column %s of %s is not a timestamp", name, s.name)
			}
			s.stamps, required = append(s.stamps, i), required && !s.columns[i].notNull
		}
		if required && s.set.validate && s.set.query == "" {
			return retry.Permanent("validate.non.null: of the columns %s of %s none is NOT NULL, and rows with NULL there would never be polled: make one NOT NULL, or set validate.non.null=false", strings.Join(s.set.timestamps, ", "), s.name)
		}
	}
	if s.mode.increments() {
		if s.number, err = s.incrementing(); err != nil {
			return err
		}
	} else if s.mode == pollTimestamp {
		for _, name := range key {
			i, err := s.index("primary key", name)
			if err != nil {
				return err
			}
			s.ties = append(s.ties, i)
		}
	}
	return nil
}

func (s *pollSource) index(what, name string) (int, error) {
	for i := range s.columns {
		if s.columns[i].name == name {
			return i, nil
		}
	}
	return -1, retry.Permanent("%s: %s has no column %q", what, s.name, name)
}

// incrementing finds the incrementing column.
func (s *pollSource) incrementing() (int, error) {
	found := -1
	if name := s.set.incrementing; name != "" {
		i, err := s.index("incrementing.column.name", name)
		if err != nil {
			return -1, err
		}
		found = i
	} else {
		for i := range s.columns {
			if s.columns[i].sequence {
				if found >= 0 {
					return -1, retry.Permanent("incrementing.column.name: %s has several columns with sequences; name one", s.name)
				}
				found = i
			}
		}
		if found < 0 {
			return -1, retry.Permanent("incrementing.column.name: %s has no column with a sequence; name one whose numbers only grow", s.name)
		}
	}
	c := &s.columns[found]
	if !slices.Contains([]uint32{pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID}, c.oid) {
		return -1, retry.Permanent("incrementing.column.name: column %s of %s is not a number", c.name, s.name)
	}
	if !c.notNull && s.set.validate && s.set.query == "" {
		return -1, retry.Permanent("validate.non.null: column %s of %s is not NOT NULL, and rows with NULL there would never be polled: make it NOT NULL, or set validate.non.null=false", c.name, s.name)
	}
	return found, nil
}

// stampExpression is the timestamp of a row in SQL.
func (s *pollSource) stampExpression() string {
	names := make([]string, len(s.stamps))
	for i, at := range s.stamps {
		names[i] = pgrepl.QuoteIdent(s.columns[at].name)
	}
	if len(names) == 1 {
		return names[0]
	}
	return "COALESCE(" + strings.Join(names, ", ") + ")"
}

// copyQuery is the COPY statement of the rows after the offset, and with timestamps before until.
func (s *pollSource) copyQuery(until time.Time) string {
	names := make([]string, len(s.columns))
	for i := range s.columns {
		names[i] = pgrepl.QuoteIdent(s.columns[i].name)
	}
	var order, last, conditions []string
	if s.mode.timestamps() {
		stamp := s.stampExpression()
		order = append(order, stamp)
		conditions = append(conditions, stamp+" < "+s.timeLiteral(until.UnixMicro()))
		if s.offset.hasStamp {
			last = append(last, s.timeLiteral(s.offset.stamp))
		}
	}
	if s.number >= 0 {
		order = append(order, names[s.number])
		if s.offset.hasNum && (s.mode == pollIncrement || len(last) > 0) {
			last = append(last, strconv.FormatInt(s.offset.number, 10))
		}
		conditions = append(conditions, names[s.number]+" IS NOT NULL")
	}
	for _, i := range s.ties {
		order = append(order, names[i])
	}
	if len(last) > 0 && len(s.offset.tie) == len(s.ties) {
		for _, v := range s.offset.tie {
			last = append(last, pgrepl.QuoteLiteral(v))
		}
	}
	if len(last) > 0 {
		conditions = append(conditions, fmt.Sprintf("(%s) > (%s)", strings.Join(order[:len(last)], ", "), strings.Join(last, ", ")))
	}
	from := "(" + s.set.query + ") q"
	if s.set.query == "" {
		from = pgrepl.QuoteTable(s.table.Schema, s.table.Name)
	}
	sql := "SELECT " + strings.Join(names, ", ") + " FROM " + from
	if len(conditions) > 0 {
		sql += " WHERE " + strings.Join(conditions, " AND ")
	}
	if len(order) > 0 {
		sql += " ORDER BY " + strings.Join(order, ", ")
	}
	if s.set.suffix != "" {
		sql += " " + s.set.suffix
	}
	return "COPY (" + sql + ") TO STDOUT"
}

func (s *pollSource) timeLiteral(micros int64) string {
	t := time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999")
	if s.columns[s.stamps[0]].oid == pgtype.TimestampOID {
		return "TIMESTAMP '" + t + "'"
	}
	return "TIMESTAMPTZ '" + t + "+00'"
}

// offsetOf is the offset after a row.
func (s *pollSource) offsetOf(row change.Tuple) (pollOffset, error) {
	if len(row) != len(s.columns) {
		return pollOffset{}, fmt.Errorf("row of %d columns, want %d", len(row), len(s.columns))
	}
	var o pollOffset
	for _, i := range s.stamps {
		if row[i].Kind != change.Text {
			continue
		}
		t, err := parsePollTime(string(row[i].Data))
		if err != nil {
			return o, retry.Permanent("column %s: %w; timestamps to poll by must be times", s.columns[i].name, err)
		}
		o.stamp, o.hasStamp = t, true
		break
	}
	if s.number >= 0 {
		n, err := strconv.ParseInt(string(row[s.number].Data), 10, 64)
		if err != nil {
			return o, retry.Permanent("column %s: %w; numbers to poll by must be 64-bit integers", s.columns[s.number].name, err)
		}
		o.number, o.hasNum = n, true
	}
	for _, i := range s.ties {
		o.tie = append(o.tie, string(row[i].Data))
	}
	return o, nil
}

// resumable says whether polling after the offset last gives a row with the offset next.
func (s *pollSource) resumable(last, next pollOffset) bool {
	return s.mode != pollTimestamp || len(s.ties) > 0 || last.stamp != next.stamp
}

// record makes the record of a row.
func (s *pollSource) record(row change.Tuple) (*record.Record, error) {
	v := record.NewStruct(s.schema)
	for i := range s.columns {
		if row[i].Kind != change.Text {
			continue
		}
		var err error
		if v.Values[i], err = s.columns[i].value(string(row[i].Data)); err != nil {
			return nil, fmt.Errorf("column %s: %w", s.columns[i].name, err)
		}
	}
	return &record.Record{Topic: s.topic, Partition: -1, Offset: -1, ValueSchema: s.schema, Value: v}, nil
}

// pollColumn is a column of a source, with how its text becomes a value.
type pollColumn struct {
	name     string
	oid      uint32 // of the base type, if it is a domain's
	mod      int32
	notNull  bool
	sequence bool // it is an identity column, or its default takes numbers of a sequence

	schema *record.Schema
	value  func(text string) (any, error)
}

func describeTable(ctx context.Context, conn *pgx.Conn, t pgrepl.Table) (columns []pollColumn, key []string, err error) {
	rel, err := pgrepl.NewCatalog(ctx, conn.Query, func(pgrepl.Table) bool { return true }).Named(t.Schema, t.Name, true)
	if err != nil {
		return nil, nil, err
	}
	if rel == nil {
		return nil, nil, &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find table " + t.String(), Err: fmt.Errorf("it is gone"), Remedy: "Create it, or take it out of table.whitelist."}
	}
	for _, c := range rel.Columns {
		typ, mod := c.Type, c.TypeMod
		for typ.Kind == change.DomainType && typ.Elem != nil {
			typ, mod = typ.Elem, typ.TypeMod
		}
		columns = append(columns, pollColumn{name: c.Name, oid: typ.OID, mod: mod, notNull: c.NotNull, sequence: c.Identity || strings.HasPrefix(c.Default, "nextval(")})
	}
	for _, i := range rel.Key {
		if !rel.Columns[i].NotNull { // a unique index with NULLs breaks no ties
			return columns, nil, nil
		}
		key = append(key, rel.Columns[i].Name)
	}
	return columns, key, nil
}

// describeQuery asks the server what a query returns. Nothing is known to be NOT NULL.
func describeQuery(ctx context.Context, conn *pgx.Conn, query string) ([]pollColumn, error) {
	d, err := conn.PgConn().Prepare(ctx, "", query, nil)
	if err != nil {
		return nil, fmt.Errorf("prepare query: %w", err)
	}
	var out []pollColumn
	for _, f := range d.Fields {
		out = append(out, pollColumn{name: f.Name, oid: f.DataTypeOID, mod: f.TypeModifier})
	}
	return out, nil
}

// compile chooses a column's schema and values, as Confluent's PostgreSQL dialect does; what that leaves out is text.
func (c *pollColumn) compile(set *pollSettings) {
	integer := func(t record.Type, bits int, convert func(int64) any) {
		c.schema = record.Of(t)
		c.value = func(text string) (any, error) {
			n, err := strconv.ParseInt(text, 10, bits)
			return convert(n), err
		}
	}
	switch c.oid {
	case pgtype.BoolOID:
		c.schema = record.Of(record.Boolean)
		c.value = func(text string) (any, error) { return text == "t", nil }
	case pgtype.Int2OID:
		integer(record.Int16, 16, func(n int64) any { return int16(n) })
	case pgtype.Int4OID:
		integer(record.Int32, 32, func(n int64) any { return int32(n) })
	case pgtype.Int8OID, pgtype.OIDOID:
		integer(record.Int64, 64, func(n int64) any { return n })
	case pgtype.Float4OID:
		c.schema = record.Of(record.Float32)
		c.value = func(text string) (any, error) {
			f, err := strconv.ParseFloat(text, 32)
			return float32(f), err
		}
	case pgtype.Float8OID:
		c.double()
	case pgtype.NumericOID:
		c.numeric(set.numeric, integer)
	case pgtype.ByteaOID:
		c.schema = record.Of(record.Bytes)
		c.value = func(text string) (any, error) { return decodeBytea(text) }
	case pgtype.DateOID:
		c.schema = &record.Schema{Type: record.Int32, Name: record.DateName, Version: 1}
		c.value = func(text string) (any, error) {
			t, err := time.Parse(time.DateOnly, text)
			return int32(floorDiv(t.Unix(), 86400)), err
		}
	case pgtype.TimeOID:
		c.schema = &record.Schema{Type: record.Int32, Name: record.TimeName, Version: 1}
		c.value = func(text string) (any, error) {
			t, err := time.Parse("15:04:05.999999", text)
			return int32((t.Hour()*3600+t.Minute()*60+t.Second())*1000 + t.Nanosecond()/1e6), err
		}
	case pgtype.TimestampOID, pgtype.TimestamptzOID:
		c.timestamp(set.granularity)
	default:
		c.schema = record.Of(record.String)
		c.value = func(text string) (any, error) { return text, nil }
	}
}

func (c *pollColumn) double() {
	c.schema = record.Of(record.Float64)
	c.value = func(text string) (any, error) { return strconv.ParseFloat(text, 64) }
}

func (c *pollColumn) timestamp(granularity string) {
	unit := int64(1000)
	c.schema = &record.Schema{Type: record.Int64, Name: record.TimestampName, Version: 1}
	if granularity != "connect_logical" {
		c.schema, unit = record.Of(record.Int64), 1
	}
	c.value = func(text string) (any, error) {
		micros, err := parsePollTime(text)
		if granularity == "nanos_long" {
			return micros * 1000, err
		}
		return floorDiv(micros, unit), err
	}
}

func (c *pollColumn) numeric(mapping string, integer func(record.Type, int, func(int64) any)) {
	if c.mod < 4 {
		c.schema = record.Of(record.String)
		c.value = func(text string) (any, error) { return text, nil }
		return
	}
	precision, scale := int((c.mod-4)>>16), int((c.mod-4)&0x7ff)
	if scale >= 1024 { // eleven bits with sign
		scale -= 2048
	}
	switch {
	case mapping != "none" && precision < 19 && scale == 0:
		switch {
		case precision > 9:
			integer(record.Int64, 64, func(n int64) any { return n })
		case precision > 4:
			integer(record.Int32, 32, func(n int64) any { return int32(n) })
		case precision > 2:
			integer(record.Int16, 16, func(n int64) any { return int16(n) })
		default:
			integer(record.Int8, 8, func(n int64) any { return int8(n) })
		}
		return
	case mapping == "best_fit" && precision < 19 && scale > 0:
		c.double()
		return
	}
	c.schema = &record.Schema{Type: record.Bytes, Name: record.DecimalName, Version: 1, Params: []record.Param{{Name: "scale", Value: strconv.Itoa(scale)}}}
	c.value = func(text string) (any, error) {
		d, err := record.ParseDecimal(text)
		if err != nil {
			return nil, err
		}
		for ; d.Scale < scale; d.Scale++ {
			d.Value = new(big.Int).Mul(d.Value, big.NewInt(10))
		}
		for ; d.Scale > scale; d.Scale-- { // only zeros are lost: the column has this scale
			d.Value = new(big.Int).Quo(d.Value, big.NewInt(10))
		}
		return d, nil
	}
}

func decodeBytea(text string) ([]byte, error) {
	digits, ok := strings.CutPrefix(text, `\x`)
	if !ok {
		return nil, fmt.Errorf("bytea %.20q is not in hex form", text)
	}
	out := make([]byte, 0, len(digits)/2)
	for i := 0; i+1 < len(digits); i += 2 {
		n, err := strconv.ParseUint(digits[i:i+2], 16, 8)
		if err != nil {
			return nil, err
		}
		out = append(out, byte(n))
	}
	return out, nil
}

// parsePollTime reads a timestamp, with or without the zone UTC, as microseconds since the Unix epoch.
func parsePollTime(text string) (int64, error) {
	t, err := time.Parse("2006-01-02 15:04:05.999999", strings.TrimSuffix(text, "+00"))
	if err != nil {
		return 0, fmt.Errorf("timestamp %q is not one from year 1 to 9999", text)
	}
	return t.UnixMicro(), nil
}
