package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// pipe runs a query over a command's result, as in `.show tables | count`. The result becomes a datatable literal.
func (x *Executor) pipe(ctx context.Context, request Request, result *Result, operators string) (*Result, error) {
	database := request.Database
	if _, err := x.config.Store.Catalog().Database(database); err != nil {
		if all := x.config.Store.Catalog().Databases(); len(all) > 0 {
			database = all[0].Name
		}
	}
	columns, rows, err := x.config.Query.All(ctx, database, datatable(result)+"\n|"+operators)
	if err != nil {
		return nil, err
	}
	return &Result{Columns: columns, Rows: rows}, nil
}

func datatable(r *Result) string {
	var b strings.Builder
	b.WriteString("datatable(")
	for i, c := range r.Columns {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s:%s", store.QuoteName(c.Name), c.Type)
	}
	b.WriteString(")[")
	for i, row := range r.Rows {
		for j, v := range row {
			if i+j > 0 {
				b.WriteByte(',')
			}
			b.WriteString(literal(r.Columns[j].Type, v))
		}
	}
	b.WriteString("]")
	return b.String()
}

// literal writes a value as KQL.
func literal(t kql.Type, v any) string {
	if v == nil {
		if t == value.String {
			return "''"
		}
		return t.String() + "(null)"
	}
	switch t {
	case value.String:
		return stringLiteral(fmt.Sprint(v))
	case value.Datetime:
		return "datetime(" + string(value.AppendDatetime(nil, v.(int64))) + ")"
	case value.Timespan:
		return "time(" + value.FormatTimespan(v.(int64)) + ")"
	case value.GUID:
		return "guid(" + fmt.Sprint(v) + ")"
	case value.Dynamic:
		return "dynamic(" + fmt.Sprint(v) + ")"
	case value.Real:
		return "real(" + strconv.FormatFloat(v.(float64), 'g', -1, 64) + ")"
	}
	return fmt.Sprintf("%s(%v)", t, v)
}

func stringLiteral(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(s) + "'"
}
