package admin

import (
	"context"
	"fmt"

	"google.golang.org/grpc"

	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/digest/digestapi"
)

// remoteTables reads the tables of one connector through a worker of its fleet, which has the credentials.
type remoteTables struct {
	fleet     *fleet
	connector string
	sources   []*tablev1.Table
	// ended is true if the stream is over, for instance after a question that failed.
	ended  bool
	stream grpc.BidiStreamingClient[tablev1.ReadTablesRequest, tablev1.ReadTablesResponse]
	tables []*tablev1.Table
}

// openTables asks a worker to connect; the connection ends with ctx.
func openTables(ctx context.Context, f *fleet, connector string, sources []*tablev1.Table) (*remoteTables, error) {
	r := &remoteTables{fleet: f, connector: connector, sources: sources}
	return r, r.open(ctx)
}

func (r *remoteTables) open(ctx context.Context) (err error) {
	if r.stream, err = tablev1.NewTableServiceClient(r.fleet.any).ReadTables(ctx); err != nil {
		return r.fleet.unreachable(err)
	}
	r.ended = false
	response, err := r.ask(
		&tablev1.ReadTablesRequest{Request: &tablev1.ReadTablesRequest_Open{Open: &tablev1.Open{Connector: r.connector,
			Sources: r.sources}}})
	if err != nil {
		return err
	}
	r.tables = response.GetOpen().GetTables()
	return nil
}

// reopen connects again after a question that failed, which ended the stream.
func (r *remoteTables) reopen(ctx context.Context) error {
	if !r.ended {
		return nil
	}
	return r.open(ctx)
}

// ask sends a request and waits for its answer.
func (r *remoteTables) ask(request *tablev1.ReadTablesRequest) (*tablev1.ReadTablesResponse, error) {
	// If the stream has ended, Send only says so, while Recv says why.
	_ = r.stream.Send(request)
	response, err := r.stream.Recv()
	r.ended = err != nil
	return response, r.fleet.unreachable(err)
}

// remoteTable is one side of a comparison. Its worker stops answering when the stream's context
// ends.
type remoteTable struct {
	of        *remoteTables
	selection *tablev1.Selection
}

func (r *remoteTables) table(name string, s digest.Selection) digest.Table {
	return remoteTable{r, &tablev1.Selection{Table: name, Key: selected(s.Key), Columns: selected(s.Columns)}}
}

func selected(columns []digest.Column) []*tablev1.SelectedColumn {
	all := make([]*tablev1.SelectedColumn, len(columns))
	for i, c := range columns {
		all[i] = &tablev1.SelectedColumn{Name: c.Name, Type: c.Type, Form: string(c.Form), Encoding: string(c.Encoding),
			Scale: int32(c.Scale)}
	}
	return all
}

func (t remoteTable) Extent(context.Context) (digest.Extent, error) {
	response, err := t.of.ask(
		&tablev1.ReadTablesRequest{Request: &tablev1.ReadTablesRequest_Extent{
			Extent: &tablev1.Extent{Selection: t.selection}}})
	e := response.GetExtent()
	return digest.Extent{Rows: e.GetRows(), Low: e.GetSpan().GetLow(), High: e.GetSpan().GetHigh(), LowKey: e.GetLowKey(),
		HighKey: e.GetHighKey()}, err
}

func (t remoteTable) Digests(_ context.Context, span digest.Span) ([]digest.Digest, error) {
	response, err := t.of.ask(
		&tablev1.ReadTablesRequest{Request: &tablev1.ReadTablesRequest_Digests{
			Digests: &tablev1.Digests{Selection: t.selection, Span: spanOf(span)}}})
	var digests []digest.Digest
	for _, d := range response.GetDigests().GetDigests() {
		digests = append(digests, digest.Digest{Bucket: d.Bucket, Rows: d.Rows, A: d.A, B: d.B})
	}
	return digests, err
}

func (t remoteTable) Rows(_ context.Context, span digest.Span) ([]digest.Row, error) {
	return t.rows(&tablev1.Rows{Selection: t.selection, Span: spanOf(span)})
}

func (t remoteTable) RowsAt(_ context.Context, places []int64) ([]digest.Row, error) {
	return t.rows(&tablev1.Rows{Selection: t.selection, Places: places})
}

func (t remoteTable) rows(q *tablev1.Rows) ([]digest.Row, error) {
	response, err := t.of.ask(&tablev1.ReadTablesRequest{Request: &tablev1.ReadTablesRequest_Rows{Rows: q}})
	var rows []digest.Row
	for _, r := range response.GetRows().GetRows() {
		rows = append(rows, digest.Row{Place: r.Place, Key: r.Key, A: r.A, B: r.B})
	}
	return rows, err
}

// Versions asks for the versions of the present rows of some keys.
func (t remoteTable) Versions(keys []string, places []int64) (map[string]int64, error) {
	response, err := t.of.ask(
		&tablev1.ReadTablesRequest{Request: &tablev1.ReadTablesRequest_Versions{
			Versions: &tablev1.Versions{Selection: t.selection, Places: places, Keys: keys}}})
	versions := map[string]int64{}
	for _, v := range response.GetVersions().GetVersions() {
		versions[v.Key] = v.Version
	}
	return versions, err
}

// Remove removes the rows of some keys, each only if it still has its version, and returns how many
// it removed.
func (t remoteTable) Remove(keys []string, places []int64, versions map[string]int64) (int64, error) {
	q := &tablev1.Remove{Selection: t.selection, Places: places}
	for _, key := range keys {
		q.Versions = append(q.Versions, &tablev1.KeyVersion{Key: key, Version: versions[key]})
	}
	response, err := t.of.ask(&tablev1.ReadTablesRequest{Request: &tablev1.ReadTablesRequest_Remove{Remove: q}})
	return response.GetRemove().GetRemoved(), err
}

func spanOf(s digest.Span) *tablev1.Span { return &tablev1.Span{Low: s.Low, High: s.High} }

// selectBoth chooses what to compare of a table of the source and its copy: a column of the source
// corresponds to the copy's column that holds its field. leftOut names the other columns with the
// reason. The error says why nothing can be compared.
func selectBoth(source, target *tablev1.Table) (s, t digest.Selection, leftOut []string, err error) {
	if len(source.Key) == 0 {
		return s, t, nil, fmt.Errorf("table %s has no primary key, by which its rows could be found again", source.Name)
	}
	copies := map[string]*tablev1.TableColumn{}
	for _, c := range target.Columns {
		copies[c.Field] = c
	}
	pairs := map[string][2]digest.Column{}
	reasons := map[string]string{}
	for _, c := range source.Columns {
		to, ok := copies[c.Field]
		if !ok && c.Withheld == "" {
			reasons[c.Name] = "no column of " + target.Name + " holds its values as they are"
			continue
		}
		from := digestapi.DescribedColumn(c)
		form, err := digest.FormOf(from, to.GetType())
		if err != nil {
			reasons[c.Name] = err.Error()
			continue
		}
		pairs[c.Name] = digest.Pair(from, digestapi.DescribedColumn(to), form)
	}
	isKey := map[string]bool{}
	for _, name := range source.Key {
		pair, ok := pairs[name]
		if !ok {
			return s, t, nil, fmt.Errorf("column %s of the key of table %s cannot be compared: %s", name,
				source.Name, reasons[name])
		}
		isKey[name] = true
		s.Key, t.Key = append(s.Key, pair[0]), append(t.Key, pair[1])
	}
	for _, c := range source.Columns {
		pair, ok := pairs[c.Name]
		switch {
		case !ok:
			leftOut = append(leftOut, c.Name+": "+reasons[c.Name])
		case !isKey[c.Name]:
			s.Columns, t.Columns = append(s.Columns, pair[0]), append(t.Columns, pair[1])
		}
	}
	return s, t, leftOut, nil
}
