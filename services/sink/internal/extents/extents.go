package extents

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/ledger"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// Reader reads the tags of a connector's batches.
type Reader struct {
	Spec   *spec.Spec
	Client *kusto.Client
}

// Delivered are the partitions of the topic with an id (empty where brokers give none) from which
// tables have a batch.
func (r Reader) Delivered(ctx context.Context, topic, id string) (map[int32]bool, error) {
	before, after := r.ends(topic, id)
	number := " | extend Number = extract(" + kusto.QuoteString(regexp.QuoteMeta(before)+`(\d+)/`) +
		", 1, Tag) | distinct Number"
	delivered := map[int32]bool{}
	for _, to := range r.targets(topic) {
		found, err := r.Client.Manage(ctx, to.Database, tagged(to.Table, before, `\d+/`, after)+number, "Number")
		if kusto.NotFound(err) || kusto.Unauthorized(err) {
			continue // nothing is known of it
		}
		if err != nil {
			return nil, fmt.Errorf("read the tags of %s.%s: %w", to.Database, to.Table, err)
		}
		for _, row := range found.Rows {
			if n, err := strconv.ParseInt(row[0], 10, 32); err == nil {
				delivered[int32(n)] = true
			}
		}
	}
	return delivered, nil
}

// mostCuts is how many of a partition's last batches are asked for: more than a commit can note.
const mostCuts = 400

// Cuts are the last ranges of a partition's offsets whose rows are in tables, as far as tags say
// so.
func (r Reader) Cuts(ctx context.Context, topic string, partition int32, id string) (cuts []ledger.Cut, err error) {
	before, after := r.ends(topic, id)
	before += fmt.Sprintf("%d/", partition)
	last := " | extend Last = tolong(extract(" + kusto.QuoteString(regexp.QuoteMeta(before)+`\d+-(\d+)`) +
		", 1, Tag)) | top " + strconv.Itoa(mostCuts) + " by Last desc | project Tag"
	pattern := regexp.MustCompile("^" + regexp.QuoteMeta(before) + `(\d+)-(\d+)` + regexp.QuoteMeta(after) + "$")
	for _, to := range r.targets(topic) {
		found, err := r.Client.Manage(ctx, to.Database, tagged(to.Table, before, "", after)+last, "Tag")
		if kusto.NotFound(err) {
			continue // a table that is not there has nothing
		}
		if err != nil {
			return nil, fmt.Errorf("read the tags of %s.%s: %w", to.Database, to.Table, err)
		}
		for _, row := range found.Rows {
			m := pattern.FindStringSubmatch(row[0])
			if m == nil {
				continue
			}
			first, errFirst := strconv.ParseInt(m[1], 10, 64)
			last, errLast := strconv.ParseInt(m[2], 10, 64)
			if errors.Join(errFirst, errLast) == nil && first <= last {
				cuts = append(cuts, ledger.Cut{First: first, End: last + 1})
			}
		}
	}
	return cuts, nil
}

// ends are what the tags of a topic's batches begin and end with, as the sink's ingester makes them.
func (r Reader) ends(topic, id string) (before, after string) {
	before, after = "ingest-by:"+topic+"/", "/"+url.PathEscape(r.Spec.Group)
	if id != "" {
		after = "@" + id + after
	}
	return before, after
}

// tagged asks for the tags of a table's extents that name a range of offsets, as the column Tag:
// those that begin with a pattern and end as given.
func tagged(table, before, pattern, after string) string {
	tag := "(" + regexp.QuoteMeta(before) + pattern + `\d+-\d+` + regexp.QuoteMeta(after) + `)(?:\s|$|")`
	return ".show table " + kusto.QuoteName(table) + " extents | mv-expand Tag = extract_all(" + kusto.QuoteString(tag) +
		", Tags) to typeof(string) | distinct Tag"
}

// targets are the tables that a topic's rows may be in: the topic's, and where transforms may rename it, all.
func (r Reader) targets(topic string) (targets []route.Route) {
	if to, ok := r.Spec.Routes.Find(topic); ok {
		targets = append(targets, to)
	}
	if r.Spec.NewTransform != nil {
		targets = append(targets, r.Spec.Routes.Fixed()...)
	}
	slices.SortFunc(targets, func(a, b route.Route) int {
		return cmp.Or(strings.Compare(a.Database, b.Database), strings.Compare(a.Table, b.Table))
	})
	return slices.CompactFunc(targets, func(a, b route.Route) bool {
		return a.Database == b.Database && a.Table == b.Table
	})
}
