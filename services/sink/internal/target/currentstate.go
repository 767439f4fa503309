package target

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/retry"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

// fillingPause is between two questions for a view that is being filled.
const fillingPause = 10 * time.Second

// currentState makes what gives a table's current state: a view and a function.
type currentState struct {
	cluster *Cluster
	route   route.Route
	explain explainer

	// making is held while they are made or asked for; it guards what follows.
	making lock
	// shown is set once both are there and the view has all of the table.
	shown bool
	// filling is the operation that fills the view from the rows that were there before it; empty if none is under way.
	filling string
	// asked is when the operation was last asked for.
	asked time.Time
}

// settled reports whether there is nothing to make now.
func (t *currentState) settled() bool {
	if !t.cluster.Spec.CurrentState {
		return true
	}
	if !t.making.try() {
		return false
	}
	defer t.making.release()
	return t.nothing()
}

// nothing is settled for who holds making.
func (t *currentState) nothing() bool {
	return t.shown || t.filling != "" && time.Since(t.asked) < fillingPause
}

// ensure makes them once, unless another partition is about to. key is a record's.
func (t *currentState) ensure(ctx context.Context, mapping *kusto.Mapping, key []byte) error {
	if !t.cluster.Spec.CurrentState {
		return nil
	}
	if err := t.making.acquire(ctx); err != nil {
		return err
	}
	defer t.making.release()
	if t.nothing() {
		return nil
	}
	shown := false
	err := t.cluster.Retry.Do(ctx, func(ctx context.Context) (err error) {
		if t.filling == "" {
			t.filling, err = t.make(ctx, mapping, key)
			err = t.explain.command(err,
				"Make the table with the columns that table.form=changes adds, or let auto.create make it", "admins")
		}
		if err == nil && t.filling != "" {
			shown, err = t.filled(ctx, t.filling)
		}
		return err
	})
	t.asked = time.Now()
	t.shown = err == nil && (shown || t.filling == "")
	return err
}

// make makes the view <table>_state, which keeps the latest change of each key, and the
// function <table>_current, which gives the rows that are not deleted. The order is that of _seq,
// so a replay changes nothing; a key that changes is a delete of the old and an insert of the new.
// It returns the operation that fills the view, empty if there was nothing to fill it with.
func (t *currentState) make(ctx context.Context, mapping *kusto.Mapping, key []byte) (operation string, err error) {
	names := keyFields(key)
	if len(names) == 0 {
		return "",
			retry.Permanent(fmt.Errorf(
				"the current state of %s.%s needs the rows' key, but records of topic %s have none: set message.key.columns in the source connector, or current.state=false", t.route.Database, t.route.Table, t.route.Topic))
	}
	for i, n := range names {
		if t.route.Mapping != "" {
			n, _ = columnOf(mapping, n)
		}
		names[i] = kusto.QuoteName(n)
	}
	source, view := kusto.QuoteName(t.route.Table), kusto.QuoteName(t.route.Table+"_state")
	latest := " | summarize arg_max(_seq, *) by " + strings.Join(names, ", ")
	operation, err = t.makeView(ctx, view, source, latest)
	from := view
	if kusto.Unsupported(err) { // a server without materialized views computes the state on each query
		from, err = source+latest, nil
	}
	if err != nil {
		return "", err
	}
	added := make([]string, len(t.cluster.Spec.Rows.Extra))
	for i, x := range t.cluster.Spec.Rows.Extra {
		added[i] = kusto.QuoteName(x.Name)
	}
	// A truncate removes what was written before it. It has no key and stands in one partition, so
	// _seq says nothing: positions in the source's log do, and times besides, since another server
	// that takes the source's place counts its positions from the beginning. Rows that an incremental
	// snapshot read have no position, only the time when they were read.
	truncate := "let truncated = toscalar(" + source +
		" | where _op == 't' | summarize max(_lsn)); let truncatedAt = toscalar(" + source +
		" | where _op == 't' | summarize max(_ts)); "
	// The function is made while the view may still be filled, and names it.
	return operation, t.makeFunction(ctx, kusto.QuoteName(t.route.Table+"_current"), "{ "+truncate+from+
		" | where not(_deleted) | where isnull(truncated) or _lsn > truncated or _ts > truncatedAt or isnull(_lsn) and isnull(_ts)"+
		" | project-away "+
		strings.Join(added, ", ")+" }")
}

// makeFunction makes a function unless it is there as it must be: the identity may have lost the right since.
func (t *currentState) makeFunction(ctx context.Context, function, body string) error {
	there, err := t.cluster.Client.Manage(ctx, t.route.Database, ".show function "+function, "Body")
	if err == nil && len(there.Rows) == 1 && slices.Equal(strings.Fields(there.Value(0, "Body")), strings.Fields(body)) {
		return nil
	}
	_, err = t.cluster.Client.Manage(ctx, t.route.Database,
		".create-or-alter function with (skipvalidation=true, docString='The rows of the source, as of now') "+
			function+"() "+body)
	return err
}

// makeView makes the view unless it is there. A view sees what is ingested after its creation;
// where the table has rows already, it is filled with them by an operation that takes its time
// (learn.microsoft.com/kusto/management/materialized-views/materialized-view-create, "backfill").
func (t *currentState) makeView(ctx context.Context, view, source, query string) (operation string, err error) {
	_, err = t.cluster.Client.Manage(ctx, t.route.Database, ".show materialized-view "+view)
	if !kusto.NotFound(err) {
		return "", err
	}
	held, err := t.cluster.Client.Query(ctx, t.route.Database, source+" | take 1 | count", "Count")
	if err != nil {
		return "", err
	}
	form, fill := " ifnotexists", ""
	if held.Value(0, "Count") != "0" {
		form, fill = " async", "backfill=true, "
	}
	made, err := t.cluster.Client.Manage(ctx, t.route.Database,
		".create"+form+" materialized-view with ("+fill+"autoUpdateSchema=true, docString='The latest change of each key') "+
			view+" on table "+source+" { "+source+query+" }")
	switch {
	case kusto.AlreadyThere(err): // another task was faster
		return "", nil
	case err != nil || fill == "":
		return "", err
	}
	t.cluster.Env.Logger.Info("the view of the current state is filled with the rows that the table has", "database",
		t.route.Database, "view", t.route.Table+"_state")
	return made.Value(0, "OperationId"), nil
}

// filled reports whether the operation that fills a view has ended.
func (t *currentState) filled(ctx context.Context, operation string) (bool, error) {
	shown, err := t.cluster.Client.Manage(ctx, t.route.Database, ".show operations "+operation, "State")
	if err != nil || len(shown.Rows) == 0 {
		return false, err
	}
	switch state := shown.Value(0, "State"); state {
	case "Completed":
		return true, nil
	case "Failed", "PartiallySucceeded", "Abandoned", "BadInput", "Canceled":
		view := kusto.QuoteName(t.route.Table + "_state")
		return false,
			retry.Permanent(fmt.Errorf(
				"filling %s.%s_state with the rows that %s had before it ended as %s: %s. Drop the view (.drop materialized-view %s) and restart the connector, or fill it in parts "+
					"(https://learn.microsoft.com/kusto/management/materialized-views/materialized-view-create, backfill)",
				t.route.Database, t.route.Table, t.route.Table, state, shown.Value(0, "Status"), view))
	}
	return false, nil
}

// keyFields returns the names of the fields of a record's key, written as JSON with or without a schema.
func keyFields(key []byte) []string {
	var object map[string]json.RawMessage
	if json.Unmarshal(key, &object) != nil {
		return nil
	}
	if payload, ok := object["payload"]; ok && len(object) == 2 && object["schema"] != nil {
		key = payload
	}
	d := json.NewDecoder(strings.NewReader(string(key)))
	var names []string
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return names
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				names = append(names, v)
				var skipped json.RawMessage
				if d.Decode(&skipped) != nil {
					return names
				}
			}
		}
	}
}
