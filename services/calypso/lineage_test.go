package calypso

import (
	"slices"
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/services/admin/ctl"
)

// settle is a comparison that waits for what is on its way.
const settle = "2m"

func TestVerifyFollowsRenamedTopicsAndFieldsAndNamesWhatIsMasked(t *testing.T) {
	s := upSettings(t, "--no-orders")
	up(t, s)
	conn := postgres(t, &s)
	if _, err := conn.Exec(t.Context(),
		`CREATE TABLE people (id int PRIMARY KEY, name text, secret text, note varchar(100), hidden text, rank int, born date);
		INSERT INTO people SELECT n, 'name ' || n, 'secret ' || n, 'a long note ' || n, 'hidden ' || n, n, DATE '2000-01-01' + n FROM generate_series(1, 50) n;
		CREATE TABLE east (id int PRIMARY KEY); CREATE TABLE west (id int PRIMARY KEY); INSERT INTO east VALUES (1); INSERT INTO west VALUES (2)`); err != nil {
		t.Fatal(err)
	}
	connect(t, &s, "crm", "people", map[string]string{
		"column.mask.with.5.chars": "public.people.secret", "column.truncate.to.3.chars": "public.people.note",
		"column.exclude.list":    "public.people.hidden",
		"transforms":             "unwrap,route,rename",
		"transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"transforms.route.type":  "org.apache.kafka.connect.transforms.RegexRouter",
		"transforms.route.regex": `crm\.public\.(.*)`, "transforms.route.replacement": "renamed.$1",
		"transforms.rename.type":    "org.apache.kafka.connect.transforms.ReplaceField$Value",
		"transforms.rename.renames": "name:full_name",
	}, map[string]string{
		"topics": "renamed.people", "transforms": "label,mask",
		"transforms.label.type":    "org.apache.kafka.connect.transforms.ReplaceField$Value",
		"transforms.label.renames": "full_name:label",
		"transforms.mask.type":     "org.apache.kafka.connect.transforms.MaskField$Value", "transforms.mask.fields": "rank",
	})
	awaitRows(t, &s, "people", 50)
	v := verify(t, &s, "crm", settle)
	if v.exit != ctl.ExitOK || !slices.Equal(v.table.ColumnsCompared, []string{"id", "name", "born"}) ||
		!slices.Equal(v.leftOut(), []string{"hidden", "note", "rank", "secret"}) {
		t.Errorf("%d\n%s", v.exit, v.text)
	}
	manage(t, &s, ".set-or-append people <| people | where id == 7 | extend label = 'another'")
	if v = verify(t, &s, "crm", "0s"); !slices.Equal(v.differing, []string{"7"}) {
		t.Errorf("the keys that differ are %v\n%s", v.differing, v.text)
	}

	// Two sinks share the tables of a source: each is compared with what it reads.
	connect(t, &s, "shared", "east", map[string]string{"table.include.list": "public.east,public.west"},
		map[string]string{"topics": "shared.public.east"})
	addSink(t, &s, "shared-west", "west", map[string]string{"topics": "shared.public.west"})
	awaitRows(t, &s, "east", 1)
	awaitRows(t, &s, "west", 1)
	if out, code := calypsoctl(t, &s, "verify", "shared", "--patience", settle); code != ctl.ExitOK ||
		!strings.Contains(out, "2 tables are equal to their copies") {
		t.Errorf("two sinks: %d\n%s", code, out)
	}

	for name, tc := range map[string]struct {
		transform map[string]string
		want      string
	}{
		"merged": {map[string]string{"transforms": "route",
			"transforms.route.type":        "io.debezium.transforms.ByLogicalTableRouter",
			"transforms.route.topic.regex": `(.*)(east|west)`, "transforms.route.topic.replacement": "$1both"},
			"topic merged.public.both holds the rows of public.east, public.west"},
		"monthly": {map[string]string{"transforms": "route",
			"transforms.route.type":             "org.apache.kafka.connect.transforms.TimestampRouter",
			"transforms.route.timestamp.format": "yyyyMM"},
			"the transforms choose the topic by a record's contents or time"},
	} {
		tc.transform["table.include.list"] = "public.east,public.west"
		connect(t, &s, name, "both", tc.transform, map[string]string{"topics": "", "topics.regex": name + `\..*`})
		if out, code := calypsoctl(t, &s, "verify", name, "--patience", "0s", "--sink", name+"-sink"); code != 2 ||
			!strings.Contains(out, tc.want) {
			t.Errorf("%s: %d\n%s", name, code, out)
		}
	}
}
