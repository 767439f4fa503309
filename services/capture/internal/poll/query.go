package poll

import (
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// stampExpression is the timestamp of a row in SQL.
func (s *source) stampExpression() string {
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
func (s *source) copyQuery(until time.Time) string {
	names := make([]string, len(s.columns))
	for i := range s.columns {
		names[i] = pgrepl.QuoteIdent(s.columns[i].name)
	}
	var order, conditions []string
	var last []pgrepl.OrderTerm
	if s.mode.timestamps() {
		stamp := s.stampExpression()
		order = append(order, stamp)
		conditions = append(conditions, stamp+" < "+s.timeLiteral(until.UnixMicro()))
		if s.offset.hasStamp {
			last = append(last, pgrepl.OrderTerm{SQL: stamp, Operators: "pg_catalog", Value: s.timeLiteral(s.offset.stamp)})
		}
	}
	if s.number >= 0 {
		name := names[s.number]
		order = append(order, name)
		if s.offset.hasNum && (s.mode == incrementing || len(last) > 0) {
			last = append(last, pgrepl.OrderTerm{SQL: name, Operators: "pg_catalog",
				Value: strconv.FormatInt(s.offset.number, 10)})
		}
		conditions = append(conditions, name+" IS NOT NULL")
	}
	for _, i := range s.ties {
		order = append(order, names[i])
	}
	switch {
	case len(last) == 0:
	case len(s.offset.tie) == 0:
		conditions = append(conditions, pgrepl.RowsAfter(last))
	case len(s.offset.tie) == len(s.ties):
		for i, at := range s.ties {
			c := &s.columns[at]
			last = append(last, pgrepl.OrderTerm{SQL: names[at], Operators: c.order,
				Value: pgrepl.TypedLiteral(s.offset.tie[i], c.declared)})
		}
		conditions = append(conditions, pgrepl.RowsAfter(last))
	default: // the key has changed: where in its time the offset is, is not known any longer
		conditions = append(conditions, pgrepl.RowsFrom(last))
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

func (s *source) timeLiteral(micros int64) string {
	t := time.UnixMicro(micros).UTC().Format("2006-01-02 15:04:05.999999")
	if s.columns[s.stamps[0]].oid == pgtype.TimestampOID {
		return "TIMESTAMP '" + t + "'"
	}
	return "TIMESTAMPTZ '" + t + "+00'"
}
