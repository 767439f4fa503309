package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// Limits and defaults of VerifyPipeline.
const (
	defaultPatience    = 90 * time.Second // longer than a sink's flush.interval.ms unless that is set, and its ingestion
	maxPatience        = time.Hour
	defaultDifferences = 100
	maxDifferences     = 10_000
	// settleInterval is how often rows that differ are compared again.
	settleInterval = 2 * time.Second
)

// verification is a comparison of a source's tables with their copies under way.
type verification struct {
	// connectors are those of all fleets; the tables are read by workers of sources and sinks.
	connectors     *router
	sources, sinks *fleet
	q              *adminv1.VerifyPipelineRequest
	limits         limits
	out            comparisonSender
	follower       follower // nil where nobody does more than compare
	// compared counts all pairs of tables, different those that differ, failed those that could not be
	// compared.
	compared, different, failed int
	// repeated counts the rows that copies have more than once, repeatedInTables the tables that have
	// such rows.
	repeated         int64
	repeatedInTables int
	// unread are the tables without a copy, since no sink reads their topic.
	unread []*tablev1.Table
}

// follower does more about differences than telling them.
type follower interface {
	// note is told each difference of the table that is being compared.
	note(digest.Difference)
	// table is told that a table was compared with its copy. Its error fails the comparison.
	table(ctx context.Context, outcome *adminv1.TableVerification, from *tablev1.Table, source, target digest.Table,
		to *tablev1.Table) error
}

// comparisonSender is told how a comparison goes on.
type comparisonSender interface {
	Send(*adminv1.VerifyPipelineResponse) error
}

// limits are how long a comparison waits for rows to become equal, and how many differences it names.
type limits struct {
	patience    time.Duration
	differences int
}

// VerifyPipeline compares every captured table with its copy in every sink that reads it, one after the other.
func (s *service) VerifyPipeline(q *adminv1.VerifyPipelineRequest,
	out grpc.ServerStreamingServer[adminv1.VerifyPipelineResponse]) error {
	l, err := limitsOf(q.Patience, q.MaxDifferences)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel() // ends the connections to source and sinks
	return s.verification(q, l, out, nil).run(ctx)
}

// limitsOf checks the limits that are asked for; those that are not have defaults.
func limitsOf(patience *durationpb.Duration, differences int32) (limits, error) {
	l := limits{patience: defaultPatience, differences: cmp.Or(int(differences), defaultDifferences)}
	if patience != nil {
		l.patience = patience.AsDuration()
	}
	if l.patience < 0 || l.patience > maxPatience || patience != nil && patience.CheckValid() != nil {
		return l, rpc.InvalidField("patience", fmt.Sprintf("patience must be from 0 to %v", maxPatience))
	}
	if l.differences < 1 || l.differences > maxDifferences {
		return l, rpc.InvalidField("max_differences", fmt.Sprintf("max_differences must be from 1 to %d", maxDifferences))
	}
	return l, nil
}

// verification makes a comparison that has not begun.
func (s *service) verification(q *adminv1.VerifyPipelineRequest, l limits,
	out comparisonSender, f follower) *verification {
	return &verification{connectors: s.router, sources: s.capture.fleet, sinks: s.sink.fleet, q: q, limits: l, out: out,
		follower: f}
}

func (v *verification) run(ctx context.Context) error {
	q := v.q
	all, err := v.connectors.ListConnectors(ctx, &connectorv1.ListConnectorsRequest{})
	if err != nil {
		return err
	}
	from, err := sourceNamed(all.Connectors, q.Source)
	if err != nil {
		return err
	}
	source, err := openTables(ctx, v.sources, q.Source, nil)
	if err != nil {
		return err
	}
	topics, err := v.connectors.GetConnectorTopics(ctx, &connectorv1.GetConnectorTopicsRequest{Name: q.Source})
	if err != nil {
		return err
	}
	used := topics.Topics
	for _, t := range source.tables { // these topics may not have been written to yet
		used = append(used, t.Topic)
	}
	sinks, err := sinksOf(all.Connectors, from, used, q.Sink)
	if err != nil {
		return err
	}
	tables, err := choose(source.tables, q)
	if err != nil {
		return err
	}
	shares, unread := shareOut(tables, sinks)
	switch {
	case len(q.Tables) > 0: // who names a table wants to know of it
		for i := range shares {
			shares[i] = append(shares[i], unread...)
		}
	case len(unread) == len(tables) && len(unread) > 0:
		return nobodyReads(q.Source)
	default:
		v.unread = unread
	}
	for i, tables := range shares {
		if err := v.sink(ctx, sinks[i], source, tables); err != nil {
			return err
		}
	}
	return v.summary()
}

// shareOut assigns each sink the tables to compare with it, which are those whose topic it reads.
// unread are those whose topic none of them reads.
func shareOut(tables []*tablev1.Table, sinks []*connectorv1.Connector) (out [][]*tablev1.Table,
	unread []*tablev1.Table) {
	out = make([][]*tablev1.Table, len(sinks))
	var readers []func(string) bool
	for _, sink := range sinks {
		readers = append(readers, checks.Reader(sink.Config))
	}
	for _, t := range tables {
		read := false
		for i, reads := range readers {
			if reads(t.Topic) {
				out[i], read = append(out[i], t), true
			}
		}
		if !read {
			unread = append(unread, t)
		}
	}
	return out, unread
}

// sinksOf returns the sinks that read topics of a source, or only the one that the request names.
func sinksOf(all []*connectorv1.Connector, source *connectorv1.Connector, used []string,
	only string) (sinks []*connectorv1.Connector, err error) {
	for _, c := range all {
		if c.Type == connectorv1.ConnectorType_CONNECTOR_TYPE_SINK && reads(c.Config, source.Config, used) &&
			(only == "" || c.Name == only) {
			sinks = append(sinks, c)
		}
	}
	if len(sinks) == 0 && only != "" {
		return nil, rpc.Error(codes.NotFound, "SINK_NOT_FOUND",
			fmt.Sprintf("Sink connector %.300s does not read the topics of %s", only, source.Name))
	}
	if len(sinks) == 0 {
		return nil, nobodyReads(source.Name)
	}
	return sinks, nil
}

func nobodyReads(source string) error {
	return rpc.Error(codes.FailedPrecondition, "NO_SINK",
		"no sink connector reads the topics of "+source+", so there is nothing to compare with")
}

// choose returns the tables that the request names; all if it names none.
func choose(tables []*tablev1.Table, q *adminv1.VerifyPipelineRequest) ([]*tablev1.Table, error) {
	if len(q.Tables) == 0 {
		return tables, nil
	}
	var chosen []*tablev1.Table
	for at, name := range q.Tables {
		i := slices.IndexFunc(tables, func(t *tablev1.Table) bool { return t.Name == name })
		if i < 0 {
			return nil, rpc.Error(codes.NotFound, "TABLE_NOT_FOUND",
				fmt.Sprintf("tables[%d]: %s captures no table %.300q", at, q.Source, name))
		}
		chosen = append(chosen, tables[i])
	}
	return chosen, nil
}

// sink compares the tables with their copies in one sink.
func (v *verification) sink(ctx context.Context, sink *connectorv1.Connector, source *remoteTables,
	tables []*tablev1.Table) error {
	reads := checks.Reader(sink.Config)
	target, err := openTables(ctx, v.sinks, sink.Name, tables)
	if err != nil {
		return err
	}
	for _, from := range tables {
		outcome := &adminv1.TableVerification{Table: from.Name, Sink: sink.Name}
		i := slices.IndexFunc(target.tables, func(t *tablev1.Table) bool { return t.Topic == from.Topic })
		if !reads(from.Topic) {
			outcome.Failure = "the sink does not read topic " + from.Topic
		} else if i < 0 {
			outcome.Failure = "the sink has no table for topic " + from.Topic
		} else if err := v.table(ctx, outcome, source, from, target, target.tables[i]); err != nil {
			if ctx.Err() != nil {
				return err
			}
			outcome.Failure = status.Convert(err).Message()
			if err := errors.Join(source.reopen(ctx), target.reopen(ctx)); err != nil {
				return fmt.Errorf("connect again after table %s could not be compared (%s): %w", from.Name, outcome.Failure, err)
			}
		}
		v.compared++
		if n := outcome.GetRepeatedRows(); n > 0 {
			v.repeated += n
			v.repeatedInTables++
		}
		switch {
		case outcome.Failure != "":
			v.failed++
		case !outcome.Equal:
			v.different++
		}
		if err := v.out.Send(
			&adminv1.VerifyPipelineResponse{Event: &adminv1.VerifyPipelineResponse_Table{Table: outcome}}); err != nil {
			return err
		}
	}
	return nil
}

// table compares one table with its copy and fills the outcome.
func (v *verification) table(ctx context.Context, outcome *adminv1.TableVerification, source *remoteTables,
	from *tablev1.Table, target *remoteTables, to *tablev1.Table) error {
	outcome.Target, outcome.RepeatedRows = to.Name, to.RepeatedRows
	if outcome.Failure = cmp.Or(from.Failure, to.Failure); outcome.Failure != "" {
		return nil
	}
	s, t, leftOut, err := selectBoth(from, to)
	outcome.ColumnsLeftOut = leftOut
	if err != nil {
		outcome.Failure = err.Error()
		return nil
	}
	for _, c := range append(slices.Clone(s.Key), s.Columns...) {
		outcome.ColumnsCompared = append(outcome.ColumnsCompared, c.Name)
	}
	original, copied := source.table(from.Name, s), target.table(to.Name, t)
	r, err := digest.Compare(ctx, original, copied, digest.Options{
		Patience: v.limits.patience, Interval: settleInterval, MaxDifferences: v.limits.differences,
		Progress: func(p digest.Progress) error {
			return v.out.Send(
				&adminv1.VerifyPipelineResponse{Event: &adminv1.VerifyPipelineResponse_Progress{Progress: &adminv1.VerifyProgress{
					Table: from.Name, Sink: outcome.Sink, RowsCompared: p.Rows, RowsTotal: p.Total, Pending: int32(p.Pending),
					Differences: int32(p.Differences)}}})
		},
		Found: func(d digest.Difference) error {
			if v.follower != nil {
				v.follower.note(d)
			}
			return v.out.Send(
				&adminv1.VerifyPipelineResponse{Event: &adminv1.VerifyPipelineResponse_Difference{
					Difference: &adminv1.RowDifference{
						Table: from.Name, Sink: outcome.Sink, Key: strings.Split(d.Key, "\x1f"), Kind: kindOf(d.Kind)}}})
		},
	})
	if err != nil {
		return err
	}
	outcome.Equal, outcome.Differences, outcome.Truncated, outcome.Unsettled = r.Equal(), int32(r.Differences),
		r.Truncated, int32(r.Unsettled)
	outcome.SourceExtent, outcome.TargetExtent = extentOf(r.Source), extentOf(r.Target)
	if v.follower != nil {
		return v.follower.table(ctx, outcome, from, original, copied, to)
	}
	return nil
}

func topicOf(tables int) string {
	if tables == 1 {
		return "its topic"
	}
	return "their topics"
}

// namesOf lists tables, but for those after the first ten.
func namesOf(tables []*tablev1.Table) string {
	const most = 10
	var names []string
	for _, t := range tables[:min(len(tables), most)] {
		names = append(names, t.Name)
	}
	if more := len(tables) - most; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func kindOf(k digest.Kind) adminv1.RowDifference_Kind {
	return map[digest.Kind]adminv1.RowDifference_Kind{
		digest.Missing: adminv1.RowDifference_KIND_MISSING, digest.Extra: adminv1.RowDifference_KIND_EXTRA,
		digest.Different: adminv1.RowDifference_KIND_DIFFERENT,
	}[k]
}

func extentOf(e digest.Extent) *adminv1.TableExtent {
	return &adminv1.TableExtent{Rows: e.Rows, LowKey: e.LowKey, HighKey: e.HighKey}
}

func (v *verification) summary() error {
	s := &adminv1.VerifySummary{Equal: v.different == 0 && v.failed == 0, Failures: int32(v.failed),
		RepeatedRows: v.repeated}
	switch {
	case s.Equal:
		s.Reason = checks.Plural(v.compared, "table is equal to its copy", "tables are equal to their copies")
	case v.failed > 0:
		s.Reason = fmt.Sprintf("%d of %s could not be compared, %s", v.failed, checks.Plural(v.compared, "table", "tables"),
			checks.Plural(v.different, "differs", "differ"))
	default:
		s.Reason = fmt.Sprintf("%d of %s", v.different, checks.Plural(v.compared, "table differs from its copy",
			"tables differ from their copies"))
	}
	if v.repeated > 0 {
		s.Reason += fmt.Sprintf(" by the latest row of each key, but %s of %s came more than once",
			checks.Plural(int(v.repeated), "row", "rows"), checks.Plural(v.repeatedInTables, "table", "tables"))
	}
	if n := len(v.unread); n > 0 {
		s.Reason += fmt.Sprintf("; %s no copy, since no sink that was looked at reads %s: %s",
			checks.Plural(n, "table has", "tables have"), topicOf(n), namesOf(v.unread))
	}
	return v.out.Send(&adminv1.VerifyPipelineResponse{Event: &adminv1.VerifyPipelineResponse_Summary{Summary: s}})
}
