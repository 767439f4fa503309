package command

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
	"github.com/calypso-cdc/calypso/services/localadx/queued"
	"github.com/calypso-cdc/calypso/services/localadx/store"
)

// policyKind describes a policy.
type policyKind struct {
	name store.PolicyName
	// title is Kusto's name in answers.
	title string
	// check refuses a value that Kusto or localadx does not take; nil takes any JSON object.
	check func(json.RawMessage) error
	// about says what localadx does with it.
	about string
}

// Policies that localadx acts on.
const (
	policyStreaming     store.PolicyName = "streamingingestion"
	policyRetention     store.PolicyName = "retention"
	policyTagsRetention store.PolicyName = "extent_tags_retention"
)

// policyKinds lists the policies that can be set. Those that would change results and are not honoured are left out, so
// that setting them is an error.
func policyKinds() []policyKind {
	return []policyKind{
		{queued.PolicyName, "IngestionBatchingPolicy", checkBatching, "queued ingestion obeys it"},
		{policyStreaming, "StreamingIngestionPolicy", checkStreaming,
			"streaming ingestion needs it enabled on the table or the database"},
		{policyRetention, "RetentionPolicy", checkRetention, "extents older than SoftDeletePeriod are dropped"},
		{policyTagsRetention, "ExtentTagsRetentionPolicy", checkTagsRetention, "tags are dropped when their period ends"},
		{store.PolicyUpdate, "UpdatePolicy", checkUpdate,
			"runs with the ingestion: in its transaction, or after its commit when IsTransactional is false"},
		{"caching", "CachingPolicy", nil, "kept and shown; all data is hot"},
		{"merge", "ExtentsMergePolicy", nil, "kept and shown; extents are not merged"},
		{"sharding", "ShardingPolicy", nil, "kept and shown"},
		{"partitioning", "PartitioningPolicy", nil, "kept and shown"},
		{"roworder", "RowOrderPolicy", nil, "kept and shown"},
		{"encoding", "EncodingPolicy", nil, "kept and shown; values are limited as without one"},
		{"ingestiontime", "IngestionTimePolicy", nil, "kept and shown; the time of ingestion is always kept"},
		{"callout", "CalloutPolicy", nil, "kept and shown"},
		{"mirroring", "MirroringPolicy", nil, "kept and shown"},
	}
}

// PolicyUsage is a policy that can be set and what localadx does with it.
type PolicyUsage struct {
	Name, About string
}

// Policies lists the policies that can be set.
func Policies() []PolicyUsage {
	var all []PolicyUsage
	for _, k := range policyKinds() {
		all = append(all, PolicyUsage{string(k.name), k.about})
	}
	return all
}

func policyCommands() []definition {
	entities := []string{"table <table>", "database [ <database> ]", "materialized-view <view>", "column <column:column>",
		"tables <tables:list>"}
	var definitions []definition
	for _, entity := range entities {
		scope, _, _ := strings.Cut(entity, " ")
		definitions = append(definitions,
			definition{".show " + entity + " policy <policy>", "show a policy of a " + scope, showPolicy},
			definition{".delete " + entity + " policy <policy>", "remove a policy of a " + scope, deletePolicy},
			definition{".alter " + entity + " policy <policy> <text:string>", "set a policy of a " + scope, alterPolicy},
			definition{".alter-merge " + entity + " policy <policy> <text:string>", "set parts of a policy of a " + scope,
				alterMergePolicy},
			definition{".alter " + entity + " policy streamingingestion {state:enable|disable}",
				"switch streaming ingestion on or off", switchStreaming},
			definition{".alter " + entity + " policy ingestiontime {state:true|false}",
				"keep the time of ingestion, which localadx always does", switchIngestionTime},
			definition{".alter " + entity + " policy caching <settings:assignments>",
				"set how long data is hot; localadx keeps all data hot", alterCaching},
			definition{".alter " + entity + " policy {policy:retention} <settings:assignments>", "set how long rows are kept",
				alterRetention},
			definition{".alter-merge " + entity + " policy {policy:retention} <settings:assignments>",
				"set how long rows are kept", alterRetention},
			definition{".alter " + entity + " policy encoding <settings:assignments>",
				"set how values are encoded", alterEncoding},
		)
	}
	return append(definitions,
		definition{".show table * policy <policy>", "show a policy of all tables", showPolicyOfAll})
}

func policyResult() *Result {
	return newResult("PolicyName:string", "EntityName:string", "Policy:string", "ChildEntities:string",
		"EntityType:string")
}

// policyKind finds the policy that the command names.
func (c *call) policyKind(name string) (policyKind, error) {
	kinds := policyKinds()
	i := slices.IndexFunc(kinds, func(k policyKind) bool { return strings.EqualFold(string(k.name), name) })
	if i < 0 {
		known := make([]string, len(kinds))
		for i, k := range kinds {
			known[i] = string(k.name)
		}
		return policyKind{}, badRequest("The policy '%s' is not supported by localadx; supported are %s", name,
			strings.Join(known, ", "))
	}
	return kinds[i], nil
}

// entity is an object that has policies.
type entity struct {
	kind, name string // "Table", "[db].[T]"
	policies   *map[store.PolicyName]json.RawMessage
}

func tableEntity(d *store.Database, t *store.Table) entity {
	return entity{"Table", fmt.Sprintf("[%s].[%s]", d.Name, t.Name), &t.Policies}
}

// entities finds what the command names in the database.
func (c *call) entities(d *store.Database) ([]entity, error) {
	table := func(name string) (entity, error) {
		t, err := d.Table(name)
		if err != nil {
			return entity{}, err
		}
		return tableEntity(d, t), nil
	}
	switch {
	case c.lists["tables"] != nil:
		var all []entity
		for _, name := range c.lists["tables"] {
			e, err := table(name)
			if err != nil {
				return nil, err
			}
			all = append(all, e)
		}
		return all, nil
	case c.Has("table"):
		e, err := table(c.Text("table"))
		return []entity{e}, err
	case c.Has("view"):
		v, ok := d.Views[c.Text("view")]
		if !ok {
			return nil, &store.NotFoundError{Kind: "Materialized view", Name: c.Text("view")}
		}
		return []entity{{"MaterializedView", fmt.Sprintf("[%s].[%s]", d.Name, v.Name), &v.Policies}}, nil
	case c.Has("column"):
		t, err := d.Table(c.Text("column"))
		if err != nil {
			return nil, err
		}
		i, ok := t.Column(c.Text("column.column"))
		if !ok {
			return nil, &store.NotFoundError{Kind: "Column", Name: c.Text("column.column")}
		}
		return []entity{{"Column", fmt.Sprintf("[%s].[%s].[%s]", d.Name, t.Name, t.Columns[i].Name), &t.Columns[i].Policies}},
			nil
	}
	return []entity{{"Database", fmt.Sprintf("[%s]", d.Name), &d.Policies}}, nil
}

func showPolicy(c *call) (*Result, error) {
	return showPolicies(c, c.entities)
}

func showPolicyOfAll(c *call) (*Result, error) {
	return showPolicies(c, func(d *store.Database) ([]entity, error) {
		var tables []entity
		for _, t := range d.SortedTables() {
			tables = append(tables, tableEntity(d, t))
		}
		return tables, nil
	})
}

// showPolicies shows the named policy of those of the database's entities that find returns.
func showPolicies(c *call, find func(*store.Database) ([]entity, error)) (*Result, error) {
	kind, err := c.policyKind(c.Text("policy"))
	if err != nil {
		return nil, err
	}
	d, err := c.database("database")
	if err != nil {
		return nil, err
	}
	entities, err := find(d)
	if err != nil {
		return nil, err
	}
	r := policyResult()
	for _, e := range entities {
		r.addPolicy(kind, e)
	}
	return r, nil
}

func (r *Result) addPolicy(kind policyKind, e entity) {
	var policy any
	if text, ok := (*e.policies)[kind.name]; ok {
		policy = string(text)
	}
	r.add(kind.title, e.name, policy, "", e.kind)
}

// setPolicy sets the policy of what the command names; edit makes the new value, nil to remove it, from the old one.
func setPolicy(c *call, name string, edit func(old json.RawMessage) (json.RawMessage, error)) (*Result, error) {
	kind, err := c.policyKind(name)
	if err != nil {
		return nil, err
	}
	database := c.Database
	if c.Has("database") {
		database = c.Text("database")
	}
	r := policyResult()
	err = c.env.Store.ChangeDatabase(c.ctx, database, func(d *store.Change) error {
		entities, err := c.entities(d.Database)
		if err != nil {
			return err
		}
		for _, e := range entities {
			text, err := edit((*e.policies)[kind.name])
			if err != nil {
				return err
			}
			if *e.policies == nil {
				*e.policies = map[store.PolicyName]json.RawMessage{}
			}
			if text == nil || string(text) == "null" {
				delete(*e.policies, kind.name)
			} else {
				if kind.check != nil {
					if err := kind.check(text); err != nil {
						return badRequest("%v", err)
					}
				}
				(*e.policies)[kind.name] = text
			}
			r.addPolicy(kind, e)
		}
		return nil
	})
	return r, err
}

func policyJSON(text string) (json.RawMessage, error) {
	if !json.Valid([]byte(text)) {
		return nil, badRequest("The policy is not valid JSON: %s", text)
	}
	return json.RawMessage(text), nil
}

func alterPolicy(c *call) (*Result, error) {
	return setPolicy(c, c.Text("policy"), func(json.RawMessage) (json.RawMessage, error) {
		return policyJSON(c.Text("text"))
	})
}

func deletePolicy(c *call) (*Result, error) {
	return setPolicy(c, c.Text("policy"), func(json.RawMessage) (json.RawMessage, error) { return nil, nil })
}

// alterMergePolicy sets the properties that the text has and keeps the others.
func alterMergePolicy(c *call) (*Result, error) {
	return setPolicy(c, c.Text("policy"), func(old json.RawMessage) (json.RawMessage, error) {
		text, err := policyJSON(c.Text("text"))
		if err != nil {
			return nil, err
		}
		return mergeJSON(old, text)
	})
}

func mergeJSON(old, text json.RawMessage) (json.RawMessage, error) {
	merged := map[string]json.RawMessage{}
	if len(old) > 0 {
		if err := json.Unmarshal(old, &merged); err != nil {
			return nil, badRequest("The policy that is set is a list and cannot be merged: use .alter")
		}
	}
	if err := json.Unmarshal(text, &merged); err != nil {
		return nil, badRequest("Only a JSON object can be merged into a policy: use .alter")
	}
	result, err := json.Marshal(merged)
	if err != nil {
		return nil, fmt.Errorf("merge a policy: %w", err)
	}
	return result, nil
}

func switchStreaming(c *call) (*Result, error) {
	return setPolicy(c, string(policyStreaming), func(json.RawMessage) (json.RawMessage, error) {
		return fmt.Appendf(nil, `{"IsEnabled":%t,"HintAllocatedRate":null}`, c.Text("state") == "enable"), nil
	})
}

func switchIngestionTime(c *call) (*Result, error) {
	return setPolicy(c, "ingestiontime", func(json.RawMessage) (json.RawMessage, error) {
		return fmt.Appendf(nil, `{"IsEnabled":%s}`, c.Text("state")), nil
	})
}

func alterCaching(c *call) (*Result, error) {
	return setPolicy(c, "caching", func(json.RawMessage) (json.RawMessage, error) {
		hot, ok := value.ParseTimespan(c.option("settings", "hot"))
		if !ok {
			return nil, badRequest("A caching policy has the form: hot = 10d")
		}
		span := value.FormatTimespan(hot)
		return fmt.Appendf(nil, `{"DataHotSpan":{"Value":%q},"IndexHotSpan":{"Value":%q}}`, span, span), nil
	})
}

func alterRetention(c *call) (*Result, error) {
	return setPolicy(c, string(policyRetention), func(old json.RawMessage) (json.RawMessage, error) {
		settings := map[string]string{}
		if text, ok := c.options["settings"]["softdelete"]; ok {
			ticks, ok := value.ParseTimespan(text)
			if !ok {
				return nil, badRequest("softdelete is '%s' and must be a timespan such as 30d", text)
			}
			settings["SoftDeletePeriod"] = value.FormatTimespan(ticks)
		}
		if text, ok := c.options["settings"]["recoverability"]; ok {
			if !strings.EqualFold(text, "enabled") && !strings.EqualFold(text, "disabled") {
				return nil, badRequest("recoverability is '%s' and must be enabled or disabled", text)
			}
			settings["Recoverability"] = kindName(strings.ToLower(text))
		}
		if len(settings) == 0 {
			return nil, badRequest("A retention policy has the form: softdelete = 30d recoverability = disabled")
		}
		text, err := json.Marshal(settings)
		if err != nil {
			return nil, fmt.Errorf("write a retention policy: %w", err)
		}
		return mergeJSON(old, text)
	})
}

func alterEncoding(c *call) (*Result, error) {
	return setPolicy(c, "encoding", func(json.RawMessage) (json.RawMessage, error) {
		return fmt.Appendf(nil, `{"EncodingPolicyType":%q}`, c.option("settings", "type")), nil
	})
}

func checkBatching(text json.RawMessage) error {
	_, err := queued.ParsePolicy(text)
	return err
}

func checkStreaming(text json.RawMessage) error {
	_, err := streamingEnabled(text)
	return err
}

// streamingEnabled reads the policy, which has an IsEnabled, or, in the older form, NumberOfRowStores.
func streamingEnabled(text json.RawMessage) (bool, error) {
	var p struct {
		IsEnabled         *bool
		NumberOfRowStores *int
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return false, fmt.Errorf("a streaming ingestion policy has the form {\"IsEnabled\":true}: %w", err)
	}
	if p.IsEnabled != nil {
		return *p.IsEnabled, nil
	}
	return p.NumberOfRowStores != nil && *p.NumberOfRowStores > 0, nil
}

// StreamingEnabled reports whether the table takes streaming ingestion: its own policy decides, else the database's.
func StreamingEnabled(d *store.Database, t *store.Table) bool {
	text, ok := d.Policy(t, policyStreaming)
	if !ok {
		return false
	}
	enabled, err := streamingEnabled(text)
	return err == nil && enabled
}

func checkRetention(text json.RawMessage) error {
	_, err := retentionPeriod(text)
	return err
}

// retentionPeriod returns the ticks for which rows are kept; 0 is for ever.
func retentionPeriod(text json.RawMessage) (int64, error) {
	var p struct{ SoftDeletePeriod string }
	if err := json.Unmarshal(text, &p); err != nil {
		return 0,
			fmt.Errorf(
				"a retention policy has the form {\"SoftDeletePeriod\":\"30.00:00:00\",\"Recoverability\":\"Enabled\"}: %w", err)
	}
	if p.SoftDeletePeriod == "" {
		return 0, nil
	}
	ticks, ok := value.ParseTimespan(p.SoftDeletePeriod)
	if !ok || ticks <= 0 {
		return 0, fmt.Errorf("SoftDeletePeriod is '%s' and must be a positive timespan such as 30.00:00:00",
			p.SoftDeletePeriod)
	}
	return ticks, nil
}

func checkTagsRetention(text json.RawMessage) error {
	_, err := tagPeriods(text)
	return err
}

// tagPeriods returns the ticks for which tags are kept, by the tags' prefix.
func tagPeriods(text json.RawMessage) (map[string]int64, error) {
	var elements []struct{ TagPrefix, RetentionPeriod string }
	if err := json.Unmarshal(text, &elements); err != nil {
		return nil,
			fmt.Errorf(
				"an extent tags retention policy has the form [{\"TagPrefix\":\"ingest-by:\",\"RetentionPeriod\":\"3.00:00:00\"}]: %w", err)
	}
	periods := map[string]int64{}
	for _, e := range elements {
		ticks, ok := value.ParseTimespan(e.RetentionPeriod)
		if !ok || e.TagPrefix == "" {
			return nil, fmt.Errorf("each element needs a TagPrefix and a RetentionPeriod such as 3.00:00:00")
		}
		periods[e.TagPrefix] = ticks
	}
	return periods, nil
}

func checkUpdate(text json.RawMessage) error {
	var policies []store.UpdatePolicy
	if err := json.Unmarshal(text, &policies); err != nil {
		return fmt.Errorf(
			"an update policy has the form [{\"IsEnabled\":true,\"Source\":\"T\",\"Query\":\"T | …\",\"IsTransactional\":true}]: %w", err)
	}
	for _, p := range policies {
		if p.Source == "" || p.Query == "" {
			return fmt.Errorf("each element of an update policy needs a Source and a Query")
		}
	}
	return nil
}

// sortedPolicies lists the names of policies.
func sortedPolicies(policies map[store.PolicyName]json.RawMessage) []store.PolicyName {
	return slices.Sorted(maps.Keys(policies))
}
