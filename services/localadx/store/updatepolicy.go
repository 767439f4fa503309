package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
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

// policyStep is update policies that are to run over rows that have entered a table.
type policyStep struct {
	source   *Table
	from     Extent
	target   *Table
	policies []UpdatePolicy
}

// runUpdatePolicies runs the transactional policies that read from the table over the new extent,
// and theirs in turn, in the ingestion's transaction: either everything arrives or nothing. The
// others are left in in.later.
func (in *Ingestion) runUpdatePolicies() error {
	if err := in.closeAppender(); err != nil {
		return err
	}
	return in.runSteps(in.stepsFrom(in.Table, in.extent))
}

// stepsFrom lists what update policies make of rows that have entered a table; what is not
// transactional goes to in.later.
func (in *Ingestion) stepsFrom(source *Table, from Extent) []policyStep {
	var steps []policyStep
	for target, policies := range in.Database.dependants(source.Name) {
		step := policyStep{source, from, target, policies}
		if slices.ContainsFunc(policies, func(p UpdatePolicy) bool { return p.IsTransactional }) {
			steps = append(steps, step)
		} else {
			in.later = append(in.later, step)
		}
	}
	return steps
}

func (in *Ingestion) runSteps(pending []policyStep) error {
	for len(pending) > 0 {
		step := pending[0]
		pending = pending[1:]
		extent, err := in.update(step.source, step.from, step.target, step.policies)
		if err != nil {
			return &UpdatePolicyError{Table: step.target.Name, Err: err}
		}
		if extent.Rows > 0 {
			pending = append(pending, in.stepsFrom(step.target, extent)...)
		}
	}
	return nil
}

// runLater runs the update policies that are not transactional, each in a transaction of its own,
// when the rows they read are committed. One that fails leaves a record in `.show ingestion
// failures`; the ingestion has succeeded all the same.
func runLater(ctx context.Context, s *Store, in *Ingestion) {
	for len(in.later) > 0 {
		step := in.later[0]
		in.later = in.later[1:]
		after := &Ingestion{Database: in.Database, Table: in.Table, ctx: ctx, store: s, time: in.time, writers: in.writers,
			added: maps.Clone(in.added)}
		err := transact(ctx, s, func(conn *sql.Conn) error {
			after.conn = conn
			return after.runSteps([]policyStep{step})
		})
		if err != nil {
			s.log.Warn("an update policy failed", "database", in.Database.Name, "table", step.target.Name, "err", err)
			failure := NewFailure(in.Database.Name, step.target.Name, "UpdatePolicy", updatePolicyCode, err.Error(), false)
			failure.FromUpdatePolicy = true
			if err := s.Settle(ctx, Settlement{Failures: []Failure{failure}}); err != nil {
				s.log.Warn("record the failure of an update policy", "table", step.target.Name, "err", err)
			}
			continue
		}
		for table, extent := range after.added {
			if _, known := in.added[table]; !known {
				in.added[table] = extent
				in.countTags(table, extent)
			}
		}
		in.later = append(in.later, after.later...)
	}
}

// updatePolicyCode is Kusto's code for an update policy that could not run.
const updatePolicyCode = "UpdatePolicy_IngestionError"

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
	extent, err := newExtent(in.ctx, in.store, tags, from.MaxCreated)
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
