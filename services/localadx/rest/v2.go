package rest

import (
	"bufio"
	"encoding/json"
	"strconv"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// fragmentRows is how many rows a table fragment holds at most.
const fragmentRows = 1000

// v2Writer writes the frames of a v2 answer. The Go SDK's reader wants each frame on a line of its
// own, the separator in front, and the properties of frames in exactly this order.
type v2Writer struct {
	w      *bufio.Writer
	b      []byte // the frame under way
	frames int
}

func (v *v2Writer) frame() {
	if v.frames == 0 {
		v.b = append(v.b[:0], '[')
	} else {
		v.b = append(v.b[:0], ',')
	}
	v.frames++
}

func (v *v2Writer) flush() {
	v.w.Write(append(v.b, '\n'))
	v.b = v.b[:0]
}

func (v *v2Writer) columns(columns []kql.Column) {
	v.b = append(v.b, `"Columns":[`...)
	for i, c := range columns {
		if i > 0 {
			v.b = append(v.b, ',')
		}
		v.b = append(v.b, `{"ColumnName":`...)
		v.b = value.AppendQuoted(v.b, c.Name)
		v.b = append(v.b, `,"ColumnType":"`+c.Type.String()+`"}`...)
	}
	v.b = append(v.b, ']')
}

func (v *v2Writer) row(columns []kql.Column, row []any) {
	v.b = append(v.b, '[')
	for i, cell := range row {
		if i > 0 {
			v.b = append(v.b, ',')
		}
		v.b = value.AppendJSON(v.b, columns[i].Type, cell)
	}
	v.b = append(v.b, ']')
}

// table writes a whole table as one frame.
func (v *v2Writer) table(id int, kind, name string, columns []kql.Column, rows ...[]any) {
	v.frame()
	v.openTable(id, kind, name, columns)
	for i, row := range rows {
		if i > 0 {
			v.b = append(v.b, ',')
		}
		v.row(columns, row)
	}
	v.b = append(v.b, `]}`...)
	v.flush()
}

func (v *v2Writer) openTable(id int, kind, name string, columns []kql.Column) {
	v.b = append(v.b, `{"FrameType":"DataTable","TableId":`+strconv.Itoa(id)+`,"TableKind":"`+kind+
		`","TableName":"`+name+`",`...)
	v.columns(columns)
	v.b = append(v.b, `,"Rows":[`...)
}

// writeV2 answers a query in the v2 dialect that its options ask for. The results are the tables from 1 on.
func (h *Handler) writeV2(x *exchange, results []*result) error {
	w := h.begin(x)
	defer h.end(x, w)
	v := &v2Writer{w: w}
	fragmented := results[0].request.option("results_v2_fragment_primary_tables")
	v.frame()
	if fragmented {
		v.b = append(v.b,
			`{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0","IsFragmented":true,"ErrorReportingPlacement":"EndOfTable"}`...)
	} else {
		v.b = append(v.b,
			`{"FrameType":"DataSetHeader","IsProgressive":false,"Version":"v2.0","IsFragmented":false,"ErrorReportingPlacement":"InData"}`...)
	}
	v.flush()
	properties := []kql.Column{{Name: "TableId", Type: value.Int}, {Name: "Key", Type: value.String},
		{Name: "Value", Type: value.Dynamic}}
	drawings := make([][]any, len(results))
	for i, r := range results {
		drawings[i] = []any{int32(i + 1), "Visualization", string(value.AppendQuoted(nil, string(visualization(r.plan))))}
	}
	v.table(0, "QueryProperties", "@ExtendedProperties", properties, drawings...)
	write := v.primary
	if fragmented {
		write = v.fragments
	}
	var counts []int64
	var failed error
	for i, r := range results {
		var rows int64
		rows, failed = write(x, r, i+1)
		if counts = append(counts, rows); failed != nil {
			break
		}
	}
	v.completion(x, counts, failed)
	return failed
}

// fragments writes a primary result as header, fragments and completion.
func (v *v2Writer) fragments(x *exchange, r *result, id int) (rows int64, failed error) {
	table := `"TableId":` + strconv.Itoa(id)
	v.frame()
	v.b = append(v.b, `{"FrameType":"TableHeader",`+table+`,"TableKind":"PrimaryResult","TableName":"PrimaryResult",`...)
	v.columns(r.columns)
	v.b = append(v.b, '}')
	v.flush()
	row, failed := r.next()
	for row != nil && failed == nil {
		v.frame()
		v.b = append(v.b, `{"FrameType":"TableFragment","TableFragmentType":"DataAppend",`+table+`,"Rows":[`...)
		for n := 0; row != nil && failed == nil && n < fragmentRows; n++ {
			if n > 0 {
				v.b = append(v.b, ',')
			}
			v.row(r.columns, row)
			rows++
			row, failed = r.next()
		}
		v.b = append(v.b, `]}`...)
		v.flush()
	}
	v.frame()
	v.b = append(v.b, `{"FrameType":"TableCompletion",`+table+`,"RowCount":`+strconv.FormatInt(rows, 10)...)
	v.errors(x, failed)
	v.b = append(v.b, '}')
	v.flush()
	return rows, failed
}

// primary writes a primary result as one table; an error stands where the next row would.
func (v *v2Writer) primary(x *exchange, r *result, id int) (rows int64, failed error) {
	v.frame()
	v.openTable(id, "PrimaryResult", "PrimaryResult", r.columns)
	for {
		row, err := r.next()
		if row == nil && err == nil {
			break
		}
		if rows > 0 {
			v.b = append(v.b, ',')
		}
		if err != nil {
			failed = err
			v.b = append(v.b, '{')
			v.errorList(x, err)
			v.b = append(v.b, '}')
			break
		}
		v.row(r.columns, row)
		rows++
		if len(v.b) > 32<<10 {
			v.w.Write(v.b)
			v.b = v.b[:0]
		}
	}
	v.b = append(v.b, `]}`...)
	v.flush()
	return rows, failed
}

// errors appends the member that reports an error; without an error there must be none.
func (v *v2Writer) errors(x *exchange, err error) {
	if err == nil {
		return
	}
	v.b = append(v.b, ',')
	v.errorList(x, err)
}

func (v *v2Writer) errorList(x *exchange, err error) {
	text, marshalErr := json.Marshal([]map[string]oneAPIError{{"error": x.describe(err)}})
	if marshalErr != nil {
		text = []byte("[]")
	}
	v.b = append(v.b, `"OneApiErrors":`...)
	v.b = append(v.b, text...)
}

// completion writes the frames behind the primary results; rows has the number of rows of each.
func (v *v2Writer) completion(x *exchange, rows []int64, failed error) {
	columns := []kql.Column{{Name: "Timestamp", Type: value.Datetime}, {Name: "ClientRequestId", Type: value.String},
		{Name: "ActivityId", Type: value.GUID},
		{Name: "SubActivityId", Type: value.GUID}, {Name: "ParentActivityId", Type: value.GUID},
		{Name: "Level", Type: value.Int}, {Name: "LevelName", Type: value.String},
		{Name: "StatusCode", Type: value.Int}, {Name: "StatusCodeName", Type: value.String},
		{Name: "EventType", Type: value.Int},
		{Name: "EventTypeName", Type: value.String}, {Name: "Payload", Type: value.String}}
	event := func(level int32, levelName string, status int32, statusName string, kind int32, kindName string,
		payload any) []any {
		text, err := json.Marshal(payload)
		if err != nil {
			text = []byte("{}")
		}
		return []any{value.TicksOf(time.Now()), x.clientID, x.activityID, x.activityID, x.activityID, level, levelName,
			status, statusName, kind, kindName, string(text)}
	}
	ended := event(4, "Info", 0, "S_OK (0)", 4, "QueryInfo",
		map[string]any{"Count": 1, "Text": "Query completed successfully"})
	if failed != nil {
		ended = event(2, "Error", -2133196797, "E_QUERY_RESULT_SET_TOO_LARGE (0x80DA0003)", 4, "QueryInfo",
			map[string]any{"Count": 1, "Text": failed.Error()})
	}
	tables := make([]map[string]any, len(rows))
	for i, n := range rows {
		tables[i] = map[string]any{"table_row_count": n}
	}
	statistics := event(6, "Stats", 0, "S_OK (0)", 0, "QueryResourceConsumption", map[string]any{
		"ExecutionTime":      time.Since(x.started).Seconds(),
		"dataset_statistics": tables,
	})
	v.table(len(rows)+1, "QueryCompletionInformation", "QueryCompletionInformation", columns, ended, statistics)
	v.frame()
	v.b = append(v.b, `{"FrameType":"DataSetCompletion","HasErrors":`+strconv.FormatBool(failed != nil)+
		`,"Cancelled":false`...)
	v.errors(x, failed)
	v.b = append(v.b, '}')
	v.flush()
	v.w.WriteByte(']')
}
