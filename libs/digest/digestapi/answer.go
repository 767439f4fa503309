package digestapi

import (
	"context"

	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/rpc"
)

// answer answers a request from the table that it is about.
func answer(ctx context.Context, reader digest.Reader,
	request *tablev1.ReadTablesRequest) (*tablev1.ReadTablesResponse, error) {
	table := func(s *tablev1.Selection) (digest.Table, error) {
		return reader.Table(s.GetTable(), digest.Selection{Key: columns(s.GetKey()), Columns: columns(s.GetColumns())})
	}
	switch q := request.Request.(type) {
	case *tablev1.ReadTablesRequest_Extent:
		t, err := table(q.Extent.GetSelection())
		if err != nil {
			return nil, err
		}
		e, err := t.Extent(ctx)
		return &tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Extent{Extent: &tablev1.ExtentResult{
			Rows: e.Rows, Span: &tablev1.Span{Low: e.Low, High: e.High}, LowKey: e.LowKey, HighKey: e.HighKey}}}, err
	case *tablev1.ReadTablesRequest_Digests:
		t, err := table(q.Digests.GetSelection())
		if err != nil {
			return nil, err
		}
		digests, err := t.Digests(ctx, digest.Span{Low: q.Digests.GetSpan().GetLow(), High: q.Digests.GetSpan().GetHigh()})
		result := &tablev1.DigestsResult{}
		for _, d := range digests {
			result.Digests = append(result.Digests, &tablev1.DigestsResult_Digest{Bucket: d.Bucket, Rows: d.Rows,
				A: d.A, B: d.B})
		}
		return &tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Digests{Digests: result}}, err
	case *tablev1.ReadTablesRequest_Rows:
		t, err := table(q.Rows.GetSelection())
		if err != nil {
			return nil, err
		}
		rows, err := rowsOf(ctx, t, q.Rows)
		result := &tablev1.RowsResult{}
		for _, r := range rows {
			result.Rows = append(result.Rows, &tablev1.RowsResult_Row{Place: r.Place, Key: r.Key, A: r.A, B: r.B})
		}
		return &tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Rows{Rows: result}}, err
	case *tablev1.ReadTablesRequest_Versions:
		t, err := remover(table(q.Versions.GetSelection()))
		if err != nil {
			return nil, err
		}
		versions, err := t.Versions(ctx, q.Versions.GetPlaces(), q.Versions.GetKeys())
		result := &tablev1.VersionsResult{}
		for key, version := range versions {
			result.Versions = append(result.Versions, &tablev1.KeyVersion{Key: key, Version: version})
		}
		return &tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Versions{Versions: result}}, err
	case *tablev1.ReadTablesRequest_Remove:
		t, err := remover(table(q.Remove.GetSelection()))
		if err != nil {
			return nil, err
		}
		versions := map[string]int64{}
		for _, v := range q.Remove.GetVersions() {
			versions[v.GetKey()] = v.GetVersion()
		}
		n, err := t.Remove(ctx, q.Remove.GetPlaces(), versions)
		return &tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Remove{
			Remove: &tablev1.RemoveResult{Removed: n}}}, err
	}
	return nil, rpc.InvalidField("request", "want extent, digests, rows, versions or remove")
}

func remover(t digest.Table, err error) (digest.Remover, error) {
	if err != nil {
		return nil, err
	}
	r, ok := t.(digest.Remover)
	if !ok {
		return nil, rpc.InvalidField("selection.table", "no row can be removed from this table's present state")
	}
	return r, nil
}

func rowsOf(ctx context.Context, t digest.Table, q *tablev1.Rows) ([]digest.Row, error) {
	if len(q.GetPlaces()) > 0 {
		return t.RowsAt(ctx, q.GetPlaces())
	}
	return t.Rows(ctx, digest.Span{Low: q.GetSpan().GetLow(), High: q.GetSpan().GetHigh()})
}
