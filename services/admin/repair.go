package admin

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	tablev1 "github.com/calypso-cdc/calypso/gen/calypso/table/v1"
	"github.com/calypso-cdc/calypso/libs/digest"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/shell"
	"github.com/calypso-cdc/calypso/services/admin/checks"
)

// repair removes from copies what the source no longer has. A row is removed only if all of this
// holds, found out in this order:
//
//   - the comparison found its key in the copy and, for the caller's patience, not in the source,
//   - the copy says which version of the row it has,
//   - the source has no row of the key, after that: so that version is older than what the source has,
//   - the sink has brought in all that its topics had by then: so a change of the key that is yet
//     to come has a later version.
//
// The deletion takes the version after the row's. That might be the next change's own only where
// the row's record is the very last of a partition; such a row is left.
type repair struct {
	// progress says how far the sinks are; patience is how long to wait until they are far enough.
	progress sinkProgress
	patience time.Duration
	q        *adminv1.RepairPipelineRequest
	out      grpc.ServerStreamingServer[adminv1.RepairPipelineResponse]
	// others are the sinks besides the one whose copies are repaired.
	others []*connectorv1.Connector
	// found are the keys of the table under comparison that only the copy has; missing counts those
	// that only the source has.
	found    map[string]int64
	missing  int64
	removals int64
}

// sinkProgress says how far a sink is.
type sinkProgress interface {
	GetSink(context.Context, *sinkv1.GetSinkRequest) (*sinkv1.GetSinkResponse, error)
}

// placesAtOnce is how many rows one command removes.
const placesAtOnce = 200

// comparisonOut passes on what the comparison says.
type comparisonOut struct {
	to grpc.ServerStreamingServer[adminv1.RepairPipelineResponse]
}

func (o comparisonOut) Send(r *adminv1.VerifyPipelineResponse) error {
	return o.to.Send(
		&adminv1.RepairPipelineResponse{Event: &adminv1.RepairPipelineResponse_Comparison{Comparison: r}})
}

// RepairPipeline compares every captured table with its copies, and removes rows that the source no
// longer has from the present state of copies that keep changes.
func (s *service) RepairPipeline(q *adminv1.RepairPipelineRequest,
	out grpc.ServerStreamingServer[adminv1.RepairPipelineResponse]) error {
	l, err := limitsOf(q.Patience, q.MaxDifferences)
	if err != nil {
		return err
	}
	r := &repair{progress: s.sink, patience: l.patience, q: q, out: out}
	ctx, cancel := context.WithCancel(out.Context())
	defer cancel()
	all, err := s.router.ListConnectors(ctx, &connectorv1.ListConnectorsRequest{})
	if err != nil {
		return err
	}
	for _, c := range all.Connectors {
		if c.Type == connectorv1.ConnectorType_CONNECTOR_TYPE_SINK {
			r.others = append(r.others, c)
		}
	}
	v := s.verification(&adminv1.VerifyPipelineRequest{Source: q.Source, Sink: q.Sink, Tables: q.Tables}, l,
		comparisonOut{out}, r)
	if err := v.run(ctx); err != nil {
		return err
	}
	summary := &adminv1.RepairSummary{Written: q.Write, Removals: r.removals, Failures: int32(v.failed)}
	rows := checks.Plural(int(r.removals), "row", "rows")
	switch {
	case r.removals == 0:
		summary.Reason = "there is nothing to remove"
	case q.Write:
		summary.Reason = rows + " that the source no longer has were removed from the present state"
	default:
		summary.Reason = rows + " would be removed from the present state; nothing was written"
	}
	if v.failed > 0 {
		summary.Reason += fmt.Sprintf("; %s could not be compared, or not repaired",
			checks.Plural(v.failed, "table", "tables"))
	}
	return out.Send(&adminv1.RepairPipelineResponse{Event: &adminv1.RepairPipelineResponse_Summary{Summary: summary}})
}

// note keeps a difference of the table under comparison.
func (r *repair) note(d digest.Difference) {
	switch d.Kind {
	case digest.Extra:
		if r.found == nil {
			r.found = map[string]int64{}
		}
		r.found[d.Key] = d.Place
	case digest.Missing:
		r.missing++
	}
}

// table repairs one copy after its comparison.
func (r *repair) table(ctx context.Context, outcome *adminv1.TableVerification, from *tablev1.Table, source,
	target digest.Table, to *tablev1.Table) error {
	found, missing := r.found, r.missing
	r.found, r.missing = nil, 0
	if len(found) == 0 && missing == 0 {
		return nil
	}
	done := &adminv1.TableRepair{Table: outcome.Table, Sink: outcome.Sink, Target: outcome.Target, Left: int64(len(found)),
		Missing: missing}
	if missing > 0 {
		done.Refill = "calypsoctl snapshot start " + shell.Quote(r.q.Source) + " --table " + shell.Quote(outcome.Table)
	}
	if len(found) > 0 {
		if done.Reason = r.obstacle(to, outcome); done.Reason == "" {
			if err := r.remove(ctx, done, found, source, target.(remoteTable), from.Topic); err != nil {
				return err
			}
		}
	}
	return r.out.Send(&adminv1.RepairPipelineResponse{Event: &adminv1.RepairPipelineResponse_Table{Table: done}})
}

// obstacle says why no rows of a copy may be removed; empty if they may be.
func (r *repair) obstacle(to *tablev1.Table, outcome *adminv1.TableVerification) string {
	if !to.Removable {
		return "rows are appended to the table and never removed (table.form is not changes)"
	}
	_, name, _ := strings.Cut(outcome.Target, ".")
	named := regexp.MustCompile(`(^|[^\w.-])` + regexp.QuoteMeta(name) + `($|[^\w.-])`)
	for _, other := range r.others {
		if other.Name != outcome.Sink && named.MatchString(other.Config["kusto.tables.topics.mapping"]) {
			return "sink connector " + other.Name + " names the table as well, and its rows cannot be told from this one's"
		}
	}
	return ""
}

// remove finds the rows that may be removed, shows them, and removes them if the request says so.
func (r *repair) remove(ctx context.Context, done *adminv1.TableRepair, found map[string]int64, source digest.Table,
	target remoteTable, topic string) error {
	versions := map[string]int64{}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(found)), placesAtOnce) {
		some, err := target.Versions(keys, placesOf(found, keys))
		if err != nil {
			return err
		}
		maps.Copy(versions, some)
	}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(versions)), placesAtOnce) {
		back, err := source.RowsAt(ctx, placesOf(found, keys))
		if err != nil {
			return err
		}
		for _, row := range back {
			delete(versions, row.Key)
		}
	}
	ends, err := r.caughtUp(ctx, done.Sink, topic)
	if err != nil {
		return err
	}
	last := 0
	for key, version := range versions {
		if slices.Contains(ends, version+1) {
			delete(versions, key)
			last++
		}
	}
	if last > 0 {
		done.Reason = fmt.Sprintf("%s may be the last record of a partition: repair again when a later change has come",
			checks.Plural(last, "row", "rows"))
	}
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(versions)), placesAtOnce) {
		for _, key := range keys {
			if err := r.out.Send(
				&adminv1.RepairPipelineResponse{Event: &adminv1.RepairPipelineResponse_Removal{Removal: &adminv1.RowRemoval{
					Table: done.Table, Sink: done.Sink, Target: done.Target, Key: strings.Split(key, "\x1f"), Version: versions[key],
					DeletionVersion: versions[key] + 1}}}); err != nil {
				return err
			}
		}
		n := int64(len(keys))
		if r.q.Write {
			if n, err = target.Remove(keys, placesOf(found, keys), versions); err != nil {
				return err
			}
		}
		done.Removals += n
	}
	done.Left -= done.Removals
	r.removals += done.Removals
	if done.Left > 0 {
		done.Reason = cmp.Or(done.Reason, "they changed meanwhile")
	}
	return nil
}

func placesOf(found map[string]int64, keys []string) []int64 {
	places := make([]int64, len(keys))
	for i, key := range keys {
		places[i] = found[key]
	}
	return places
}

// caughtUp waits until the sink has ingested what the topic has now, and returns how far it has
// each partition.
func (r *repair) caughtUp(ctx context.Context, sink, topic string) ([]int64, error) {
	var wanted map[int32]int64
	for deadline := time.Now().Add(r.patience); ; {
		answer, err := r.progress.GetSink(ctx, &sinkv1.GetSinkRequest{Connector: sink})
		if err != nil {
			return nil, err
		}
		now := map[int32]*sinkv1.PartitionProgress{}
		for _, p := range answer.Sink.Partitions {
			if p.Topic == topic {
				now[p.Partition] = p
			}
		}
		if wanted == nil && len(now) > 0 {
			wanted = map[int32]int64{}
			for number, p := range now {
				wanted[number] = p.End
			}
		}
		var waiting int64
		var ends []int64
		for number, end := range wanted {
			p := now[number]
			if p == nil {
				waiting += end
				continue
			}
			waiting += max(0, end-max(p.Committed, 0))
			ends = append(ends, p.Committed)
		}
		if wanted != nil && waiting == 0 {
			return ends, nil
		}
		if time.Now().After(deadline) {
			return nil, rpc.Error(codes.FailedPrecondition, "PIPELINE_LAGS",
				fmt.Sprintf(
					"%d records of topic %s are not in the target of %s yet, or it does not run, so nothing was removed: repair again when they are", waiting, topic, sink))
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(settleInterval, max(r.patience, time.Millisecond))):
		}
	}
}
