package store

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
)

// UpdatePolicy is one element of a table's update policy: rows that enter Source are run through Query and what comes
// out enters the table that has the policy.
type UpdatePolicy struct {
	IsEnabled                    bool
	Source                       string
	Query                        string
	IsTransactional              bool
	PropagateIngestionProperties bool
	ManagedIdentity              string `json:",omitempty"`
}

// UpdatePolicyError reports that an ingestion failed because of an update policy.
type UpdatePolicyError struct {
	Table string
	Err   error
}

// Error names the table that has the policy.
func (e *UpdatePolicyError) Error() string {
	return fmt.Sprintf("the update policy of table '%s' failed: %v", e.Table, e.Err)
}

// Unwrap returns the cause.
func (e *UpdatePolicyError) Unwrap() error { return e.Err }

// PolicyUpdate is the name of the update policy.
const PolicyUpdate PolicyName = "update"

// UpdatePolicies decodes the table's update policy.
func (t *Table) UpdatePolicies() ([]UpdatePolicy, error) {
	text, ok := t.Policies[PolicyUpdate]
	if !ok || string(text) == "null" {
		return nil, nil
	}
	var policies []UpdatePolicy
	if err := json.Unmarshal(text, &policies); err != nil {
		return nil, fmt.Errorf("read the update policy of %s: %w", t.Name, err)
	}
	return policies, nil
}

// dependants lists the tables whose update policies read from the source, in name order, with those policies.
func (d *Database) dependants(source string) map[*Table][]UpdatePolicy {
	found := map[*Table][]UpdatePolicy{}
	for _, t := range d.SortedTables() {
		policies, err := t.UpdatePolicies()
		if err != nil {
			continue
		}
		for _, p := range policies {
			if p.IsEnabled && p.Source == source {
				found[t] = append(found[t], p)
			}
		}
	}
	return found
}

// updateTargets lists the table's ID and those of all tables that its rows reach through update policies.
func (d *Database) updateTargets(t *Table) []int64 {
	ids := []int64{t.ID}
	pending := []*Table{t}
	for len(pending) > 0 {
		for target := range d.dependants(pending[0].Name) {
			if !slices.Contains(ids, target.ID) {
				ids = append(ids, target.ID)
				pending = append(pending, target)
			}
		}
		pending = pending[1:]
	}
	return ids
}

// runUpdatePolicies runs the policies that read from the table over the new extent, and theirs in turn. All belong to
// the ingestion's transaction, whatever IsTransactional says: either everything arrives or nothing.
func (in *Ingestion) runUpdatePolicies() error {
	if err := in.closeAppender(); err != nil {
		return err
	}
	type step struct {
		table  *Table
		extent Extent
	}
	pending := []step{{in.Table, in.extent}}
	for len(pending) > 0 {
		source := pending[0]
		pending = pending[1:]
		for target, policies := range in.Database.dependants(source.table.Name) {
			extent, err := in.update(source.table, source.extent, target, policies)
			if err != nil {
				return &UpdatePolicyError{Table: target.Name, Err: err}
			}
			if extent.Rows > 0 {
				pending = append(pending, step{target, extent})
			}
		}
	}
	return nil
}

func (in *Ingestion) update(source *Table, from Extent, target *Table, policies []UpdatePolicy) (Extent, error) {
	if _, again := in.added[target.ID]; again || target == in.Table {
		return Extent{}, fmt.Errorf("%w: the rows of '%s' would reach it twice", errUpdatePolicy, target.Name)
	}
	var tags []string
	for _, p := range policies {
		if p.PropagateIngestionProperties {
			tags = from.Tags
		}
	}
	extent, err := in.store.newExtent(in.ctx, tags, from.MaxCreated)
	if err != nil {
		return Extent{}, err
	}
	scope := in.store.Catalog().Scope(in.Database.Name).With(in.newRows(source, from))
	for _, p := range policies {
		query := p.Query
		if !strings.ContainsAny(query, "|( \n") {
			query = QuoteName(query) + "()"
		}
		plan, err := kql.Compile(query, kql.Options{Database: in.Database.Name, Catalog: scope})
		if err != nil {
			return Extent{}, err
		}
		rows, err := in.insertQuery(target, extent.ID, plan)
		if err != nil {
			return Extent{}, err
		}
		extent.Rows += rows
	}
	if extent.Rows > 0 {
		in.added[target.ID] = extent
		err = in.record(target, extent)
	}
	return extent, err
}

// newRows is the source table reduced to the rows of this ingestion. A streamed extent holds older rows too, which the
// time of ingestion tells apart.
func (in *Ingestion) newRows(source *Table, extent Extent) kql.Table {
	t := in.Database.ExtentTable(source, extent.ID)
	t.Physical = fmt.Sprintf("(SELECT * FROM %s WHERE %s = %d AND %s = %d)",
		in.Database.relation(source), quoteIdent(extentColumn), extent.ID, quoteIdent(ingestedColumn), in.time)
	return t
}
