package target

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// keepTags makes sure that ingest-by tags are removed some time: otherwise each is kept with its
// extent for ever, and there is one for each batch. An existing policy is left alone.
func (c *Cluster) keepTags(ctx context.Context, to route.Route) {
	if c.Spec.TagRetention == "" {
		return
	}
	table := kusto.QuoteName(to.Table)
	policy, err := c.Client.Manage(ctx, to.Database, ".show table "+table+" policy extent_tags_retention")
	if err == nil && len(policy.Rows) > 0 {
		if text := strings.TrimSpace(policy.Value(0, "Policy")); text != "" && text != "null" && text != "[]" {
			return
		}
	}
	if err == nil {
		// strings always marshal
		rule, _ := json.Marshal([]map[string]string{{"TagPrefix": "ingest-by:", "RetentionPeriod": c.Spec.TagRetention}})
		_, err = c.Client.Manage(ctx, to.Database,
			".alter table "+table+" policy extent_tags_retention "+kusto.QuoteString(string(rule)))
	}
	if err != nil {
		c.Env.Logger.Warn(
			"the retention of ingest-by tags is not looked after; a table admin can set it with .alter table <table> policy extent_tags_retention",
			"database", to.Database, "table", to.Table, "err", err)
	}
}
