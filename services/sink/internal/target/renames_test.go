package target

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/batch"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestAColumnRenamedMoreThanOnceIsToldOfWithTheNameThatItsFieldHasNow(t *testing.T) {
	// Each step is the names of a row's fields besides id, and what is told after it: columns without a
	// field, with the fields that no column takes.
	for name, steps := range map[string][][2]string{
		"a chain": {{"city,state", ""}, {"town,state", "city<town"}, {"place,state", "city<place"},
			{"city,state", ""}},
		"a swap by a third name": {{"city,state", ""}, {"swap,state", "city<swap"}, {"swap,city", "state<swap"},
			{"state,city", ""}},
		"both, one after the other": {{"city,state", ""}, {"town,state", "city<town"},
			{"town,land", "city<town, land;state<town, land"}, {"town", "city<town;state<town"}},
	} {
		t.Run(name, func(t *testing.T) {
			env := connector.TaskEnv{Logger: slog.New(slog.DiscardHandler)}
			task := status.NewTask(env, nil, "")
			c := &Cluster{Ctx: t.Context(), Env: env, Status: task, Spec: &spec.Spec{},
				Beside: func(_ string, work func()) { work() }}
			target := row.Target{Schema: &kusto.TableSchema{}}
			for _, column := range []string{"id", "city", "state"} {
				target.Schema.Columns = append(target.Schema.Columns, kusto.Column{Name: column, Type: kusto.String})
			}
			followed := Followed{Source: batch.Source{Topic: "s.t"}, Encoder: row.NewEncoder(row.Config{}, target),
				Filled: map[string]bool{}}
			u := &coverage{cluster: c, route: route.Route{Topic: "s.t", Database: "db", Table: "T"},
				rows: func() row.Target { return target }}
			for i, step := range steps {
				r := renamed(strings.Split(step[0], ","))
				if _, _, err := followed.Encoder.Append(nil, r); err != nil {
					t.Fatal(err)
				}
				u.follow(context.Background(), followed, r)
				var told []string
				for _, column := range []string{"city", "state"} {
					for _, n := range task.Notices.Told() {
						if _, untaken, _ := strings.Cut(n.Summary, "Fields that no column takes: "); n.Column == column {
							told = append(told, column+"<"+untaken)
						}
					}
				}
				if got := strings.Join(told, ";"); got != step[1] {
					t.Errorf("step %d, fields %s: it tells %q, want %q", i, step[0], got, step[1])
				}
			}
		})
	}
}

// renamed is a record with a schema, whose row has an id and texts with names.
func renamed(names []string) *kgo.Record {
	fields, values := `{"field":"id","type":"string"}`, `"id":"1"`
	for _, name := range names {
		fields += fmt.Sprintf(`,{"field":%q,"type":"string"}`, name)
		values += fmt.Sprintf(`,%q:"x"`, name)
	}
	return &kgo.Record{Topic: "s.t",
		Value: fmt.Appendf(nil, `{"schema":{"type":"struct","fields":[%s]},"payload":{%s}}`, fields, values)}
}
