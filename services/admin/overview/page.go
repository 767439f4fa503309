package overview

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/admin/lateness"
)

const (
	// mostRows is how many rows a page has at most; defaultTables is the default for a page of tables.
	mostRows      = 1000
	defaultTables = 50
)

// Tables selects rows of tables, sorts them and returns a page of them.
func Tables(all []*adminv1.TableStatus, q *adminv1.ListTablesRequest) (*adminv1.ListTablesResponse, error) {
	compare, known := map[string]func(a, b *adminv1.TableStatus) int{
		"": lateness.Compare, "late": lateness.Compare, "name": lateness.ByName,
		"waiting": func(a, b *adminv1.TableStatus) int {
			return cmp.Or(cmp.Compare(b.RecordsWaiting, a.RecordsWaiting), lateness.ByName(a, b))
		},
	}[q.OrderBy]
	if !known {
		return nil, rpc.InvalidField("order_by", "order_by must be late, name or waiting")
	}
	text := strings.ToLower(q.Filter)
	var rows []*adminv1.TableStatus
	for _, r := range all {
		if (!q.LateOnly || r.Check != "") && r.LateSeconds >= float64(q.MinLateSeconds) &&
			contains(text, r.Source, r.Table, r.Topic, r.Sink, r.Target) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, compare)
	page, next, err := cut(rows, min(cmp.Or(q.PageSize, defaultTables), mostRows), q.PageToken)
	if err != nil {
		return nil, err
	}
	return &adminv1.ListTablesResponse{Tables: page, NextPageToken: next, TotalSize: int32(len(rows))}, nil
}

// Listed is a pipeline as it was last seen. It does not change.
type Listed struct {
	Pipeline *adminv1.Pipeline
	Summary  *adminv1.PipelineSummary
	Tables   []*adminv1.TableStatus
}

// Pipelines selects pipelines, sorts them and returns a page of them. all must be sorted by source.
func Pipelines(all []Listed, q *adminv1.ListPipelinesRequest) (*adminv1.ListPipelinesResponse, error) {
	compare, known := map[string]func(a, b Listed) int{
		"": byName, "name": byName,
		"verdict": func(a, b Listed) int {
			return cmp.Or(cmp.Compare(b.Summary.Verdict, a.Summary.Verdict), byName(a, b))
		},
		"late": func(a, b Listed) int { return cmp.Or(latest(a, b), byName(a, b)) },
	}[q.OrderBy]
	if !known {
		return nil, rpc.InvalidField("order_by", "order_by must be name, verdict or late")
	}
	text := strings.ToLower(q.Filter)
	var chosen []Listed
	for _, p := range all {
		names := []string{p.Summary.Source}
		for _, s := range p.Summary.Sinks {
			names = append(names, s.Name)
		}
		if contains(text, names...) && (len(q.Verdicts) == 0 || slices.Contains(q.Verdicts, p.Summary.Verdict)) {
			chosen = append(chosen, p)
		}
	}
	slices.SortFunc(chosen, compare)
	size := q.PageSize
	if size == 0 && q.PageToken == "" {
		size = int32(max(len(chosen), 1))
	} else {
		size = min(cmp.Or(size, mostRows), mostRows)
	}
	page, next, err := cut(chosen, size, q.PageToken)
	if err != nil {
		return nil, err
	}
	answer := &adminv1.ListPipelinesResponse{NextPageToken: next, TotalSize: int32(len(chosen))}
	for _, p := range page {
		if q.View == adminv1.PipelineView_PIPELINE_VIEW_BASIC {
			answer.Summaries = append(answer.Summaries, p.Summary)
		} else {
			answer.Pipelines = append(answer.Pipelines, p.Pipeline)
		}
	}
	return answer, nil
}

func byName(a, b Listed) int { return strings.Compare(a.Summary.Source, b.Summary.Source) }

// latest puts the pipeline first whose tables are later, then the one with more late tables.
func latest(a, b Listed) int {
	x, y := a.Summary, b.Summary
	switch {
	case x.LateSince != nil && y.LateSince != nil:
		return cmp.Or(x.LateSince.AsTime().Compare(y.LateSince.AsTime()), cmp.Compare(y.LateTables, x.LateTables))
	case x.LateSince != nil:
		return -1
	case y.LateSince != nil:
		return 1
	}
	return cmp.Compare(y.LateTables, x.LateTables)
}

// contains reports whether one of the names contains a text, which is in lower case, whatever the
// case of the name.
func contains(text string, names ...string) bool {
	return text == "" || slices.ContainsFunc(names, func(name string) bool {
		return strings.Contains(strings.ToLower(name), text)
	})
}

// cut returns the page that a token names, with at most size rows, and the token of the next page;
// empty on the last.
func cut[T any](rows []T, size int32, token string) (page []T, next string, err error) {
	if size < 0 {
		return nil, "", rpc.InvalidField("page_size", fmt.Sprintf("page_size must be between 0 and %d", mostRows))
	}
	first := uint64(0)
	if token != "" {
		if first, err = strconv.ParseUint(token, 10, 31); err != nil {
			return nil, "", rpc.InvalidField("page_token", "page_token must be the next_page_token of an answer")
		}
	}
	if first >= uint64(len(rows)) {
		return nil, "", nil
	}
	page = rows[first:]
	if len(page) > int(size) {
		page, next = page[:size], strconv.FormatUint(first+uint64(size), 10)
	}
	return page, next, nil
}
