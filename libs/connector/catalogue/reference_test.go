package catalogue_test

import (
	"strings"
	"testing"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func TestTheReferenceListsEveryKeyOnceAndNamesWhatIsNotSupported(t *testing.T) {
	c, err := catalogue.New([]catalogue.Key{
		{Name: "topic.prefix", Aliases: []string{"database.server.name"}, Type: catalogue.String, Required: true,
			Doc: "Begins every topic.", Group: "Kafka"},
		{Name: "plugin.name", Type: catalogue.String, Default: catalogue.Default("pgoutput"),
			Allowed: []string{"pgoutput", "wal2json"}, Doc: "Output plugin; a|b of <name>.", Group: "Replication"},
		{Name: "heartbeat.topics.prefix", Type: catalogue.String, Default: catalogue.Default(""), Doc: "Prefix.",
			Group: "Kafka"},
		{Name: "database.sslfactory", Type: catalogue.Class, Doc: "Java class.", Unsupported: "there is no JVM",
			Group: "Connection"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := c.WriteReference(&page); err != nil {
		t.Fatal(err)
	}
	want := "\n### Kafka\n\n| key | type | default | what it does |\n|---|---|---|---|\n" +
		"| `topic.prefix` | string | required | Begins every topic. Also written `database.server.name`. |\n" +
		"| `heartbeat.topics.prefix` | string | empty | Prefix. |\n" +
		"\n### Replication\n\n| key | type | default | what it does |\n|---|---|---|---|\n" +
		"| `plugin.name` | string | `pgoutput` | Output plugin; a\\|b of &lt;name&gt;. One of `pgoutput`, `wal2json`. |\n" +
		"\n### Declared but not supported\n\nSetting one of these gives a warning, or an error where the events would differ.\n\n| key | why |\n|---|---|\n" +
		"| `database.sslfactory` | there is no JVM |\n"
	if page.String() != want {
		t.Errorf("reference:\n%s\nwant:\n%s", page.String(), want)
	}
}
