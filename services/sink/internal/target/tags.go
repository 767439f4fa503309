package target

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// ingestBy is what the tags that keep batches from being ingested twice begin with.
const ingestBy = "ingest-by:"

// tagRule is an entry of an extent_tags_retention policy.
type tagRule struct{ TagPrefix, RetentionPeriod string }

// keepTags makes sure that ingest-by tags are removed some time: otherwise each is kept with its
// extent for ever, and there is one for each batch. An existing policy is left alone; one under
// which tags go earlier than tags.retention says is warned of.
func (c *Cluster) keepTags(ctx context.Context, to route.Route) {
	if c.Spec.TagRetention == "" {
		return
	}
	table := kusto.QuoteName(to.Table)
	policy, err := c.Client.Manage(ctx, to.Database, ".show table "+table+" policy extent_tags_retention", "Policy")
	if err == nil && len(policy.Rows) > 0 {
		if text := strings.TrimSpace(policy.Value(0, "Policy")); text != "" && text != "null" && text != "[]" {
			if kept := shorterRetention(text, c.Spec.TagRetention); kept != "" {
				c.Env.Logger.Warn(
					"the table's policy extent_tags_retention forgets tags sooner than tags.retention says: a batch that is sent again later than that is in the table twice. Lengthen it with .alter table <table> policy extent_tags_retention",
					"database", to.Database, "table", to.Table, "kept", kept, "tags.retention", c.Spec.TagRetention)
			}
			return
		}
	}
	if err == nil {
		// strings always marshal
		rule, _ := json.Marshal([]tagRule{{ingestBy, c.Spec.TagRetention}})
		_, err = c.Client.Manage(ctx, to.Database,
			".alter table "+table+" policy extent_tags_retention "+kusto.QuoteString(string(rule)))
	}
	if err != nil {
		c.Env.Logger.Warn(
			"the retention of ingest-by tags is not looked after; a table admin can set it with .alter table <table> policy extent_tags_retention",
			"database", to.Database, "table", to.Table, "err", err)
	}
}

// shorterRetention is for how long a policy keeps all ingest-by tags, if that is less than wanted;
// empty otherwise, and where either is no time span as ADX writes them.
func shorterRetention(policy, wanted string) string {
	var rules []tagRule
	least, known := period(wanted)
	if json.Unmarshal([]byte(policy), &rules) != nil || !known {
		return ""
	}
	shortest := ""
	for _, r := range rules {
		if d, ok := period(r.RetentionPeriod); ok && d < least && strings.HasPrefix(ingestBy, r.TagPrefix) {
			shortest, least = r.RetentionPeriod, d
		}
	}
	return shortest
}

// period reads a time span of the form [d.]hh:mm:ss, which may be longer than a Duration: that counts as the longest.
func period(text string) (time.Duration, bool) {
	days, clock, found := strings.Cut(text, ".")
	if !found {
		days, clock = "0", text
	}
	var d, h, m, s int
	_, err := fmt.Sscanf(days+" "+clock, "%d %d:%d:%d", &d, &h, &m, &s)
	seconds := ((24*d+h)*60+m)*60 + s
	return time.Duration(min(seconds, math.MaxInt64/int(time.Second))) * time.Second, err == nil
}
