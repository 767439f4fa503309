package connector

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/connector/secret"
	"github.com/calypso-cdc/calypso/libs/digest"
)

// Reasons of errors of TableService, besides those of ConnectorService.
const (
	ReasonTablesUnreadable Reason = "TABLES_UNREADABLE"
	ReasonTooManyReaders   Reason = "TOO_MANY_READERS"
)

// maxReaders bounds how many callers of TableService may read at the same time.
const maxReaders = 4

// tableService answers TableService for the connectors of one fleet: any worker reads any connector's tables, with the
// connector's own credentials.
type tableService struct {
	tablev1.UnimplementedTableServiceServer
	service *service
	readers chan struct{}
}

// Tables is the worker's side of TableService.
func (w *Worker) Tables() tablev1.TableServiceServer {
	return &tableService{service: &service{Worker: w}, readers: make(chan struct{}, maxReaders)}
}

func (s *tableService) ReadTables(stream grpc.BidiStreamingServer[tablev1.ReadTablesRequest, tablev1.ReadTablesResponse]) error {
	select {
	case s.readers <- struct{}{}:
		defer func() { <-s.readers }()
	default:
		return failure(codes.ResourceExhausted, ReasonTooManyReaders, fmt.Sprintf("this worker compares %d connectors already; try again later", maxReaders))
	}
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	if first.GetOpen() == nil {
		return invalidField("REQUEST_INVALID", "open", "the first request must be open")
	}
	reader, secrets, err := s.open(stream.Context(), first.GetOpen())
	if err != nil {
		return err
	}
	defer reader.Close()
	opened := &tablev1.OpenResult{}
	for _, t := range reader.Tables() {
		t.Failure = secrets.Hide(t.Failure)
		opened.Tables = append(opened.Tables, describe(t))
	}
	if err := stream.Send(&tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Open{Open: opened}}); err != nil {
		return err
	}
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		response, err := answer(stream.Context(), reader, request)
		if err != nil {
			if _, ours := status.FromError(err); ours {
				return err
			}
			return unreadable(secrets, err)
		}
		if err := stream.Send(response); err != nil {
			return err
		}
	}
}

func unreadable(secrets secret.Values, err error) error {
	return failure(codes.FailedPrecondition, ReasonTablesUnreadable, secrets.Hide(err.Error()))
}

// open connects to a connector's source or target.
func (s *tableService) open(ctx context.Context, q *tablev1.Open) (digest.Reader, secret.Values, error) {
	found, plugin, err := s.service.ours(q.GetConnector())
	if err != nil {
		return nil, nil, err
	}
	resolved, _ := s.service.config.References.Resolve(found.Config)
	secrets := secret.Of(plugin.Catalogue, found.Config, resolved)
	values, _, problems := plugin.parseStored(found.Properties(), resolved)
	if len(problems) > 0 {
		return nil, nil, errInvalid(problems)
	}
	if plugin.Tables == nil {
		return nil, nil, failure(codes.Unimplemented, ReasonTablesUnreadable, fmt.Sprintf("connectors of class %s have no tables that could be compared", plugin.Class))
	}
	sources := make([]digest.Description, len(q.GetSources()))
	for i, t := range q.GetSources() {
		sources[i] = described(t)
	}
	reader, err := plugin.Tables(ctx, values, sources)
	if err != nil {
		return nil, nil, unreadable(secrets, err)
	}
	return reader, secrets, nil
}

func describe(d digest.Description) *tablev1.Table {
	t := &tablev1.Table{Name: d.Name, Topic: d.Topic, Key: d.Key, Envelope: d.Envelope, RepeatedRows: d.Repeated, Removable: d.Removable, Failure: d.Failure}
	for _, c := range d.Columns {
		t.Columns = append(t.Columns, &tablev1.TableColumn{Name: c.Name, Type: c.Type, Field: c.Field,
			Encoding: string(c.Encoding), Precision: int32(c.Precision), Scale: int32(c.Scale), Withheld: c.Withheld})
	}
	return t
}

func described(t *tablev1.Table) digest.Description {
	d := digest.Description{Name: t.GetName(), Topic: t.GetTopic(), Key: t.GetKey(), Envelope: t.GetEnvelope(), Failure: t.GetFailure()}
	for _, c := range t.GetColumns() {
		d.Columns = append(d.Columns, DescribedColumn(c))
	}
	return d
}

// DescribedColumn reads a column of a Table.
func DescribedColumn(c *tablev1.TableColumn) digest.DescribedColumn {
	return digest.DescribedColumn{Name: c.GetName(), Type: c.GetType(), Field: c.GetField(),
		Encoding: digest.Encoding(c.GetEncoding()), Precision: int(c.GetPrecision()), Scale: int(c.GetScale()), Withheld: c.GetWithheld()}
}

// answer asks the table that a request is about.
func answer(ctx context.Context, reader digest.Reader, request *tablev1.ReadTablesRequest) (*tablev1.ReadTablesResponse, error) {
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
			result.Digests = append(result.Digests, &tablev1.DigestsResult_Digest{Bucket: d.Bucket, Rows: d.Rows, A: d.A, B: d.B})
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
		return &tablev1.ReadTablesResponse{Response: &tablev1.ReadTablesResponse_Remove{Remove: &tablev1.RemoveResult{Removed: n}}}, err
	}
	return nil, invalidField("REQUEST_INVALID", "request", "want extent, digests, rows, versions or remove")
}

func remover(t digest.Table, err error) (digest.Remover, error) {
	if err != nil {
		return nil, err
	}
	r, ok := t.(digest.Remover)
	if !ok {
		return nil, invalidField("REQUEST_INVALID", "selection.table", "no row can be removed from this table's present state")
	}
	return r, nil
}

func rowsOf(ctx context.Context, t digest.Table, q *tablev1.Rows) ([]digest.Row, error) {
	if len(q.GetPlaces()) > 0 {
		return t.RowsAt(ctx, q.GetPlaces())
	}
	return t.Rows(ctx, digest.Span{Low: q.GetSpan().GetLow(), High: q.GetSpan().GetHigh()})
}

func columns(selected []*tablev1.SelectedColumn) []digest.Column {
	all := make([]digest.Column, len(selected))
	for i, c := range selected {
		all[i] = digest.Column{Name: c.GetName(), Type: c.GetType(), Encoding: digest.Encoding(c.GetEncoding()), Scale: int(c.GetScale()), Form: digest.Form(c.GetForm())}
	}
	return all
}
