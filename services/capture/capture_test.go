package capture

import (
	"fmt"
	"testing"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

func TestASnapshotIsFollowedByTheStreamWithoutGapOrRepetition(t *testing.T) {
	pg, kafka := testenv.RunPostgres(t, testenv.PostgresConfig{}), testenv.RunKafka(t, testenv.KafkaConfig{})
	s := newSource(t, pg)
	s.exec(t, "CREATE TABLE a (id int PRIMARY KEY, x text); INSERT INTO a SELECT g, 'v' || g FROM generate_series(1, 3) g")
	start(t, kafka.Bootstrap, s.config("c1", map[string]string{"table.include.list": "public.a"}))
	topic := s.db + ".public.a"
	got := await(t, kafka.Bootstrap, topic, 3)
	for i, want := range []string{"first", "true", "last"} {
		if got[i].Op != "r" || got[i].Source.Snapshot != want {
			t.Errorf("event %d has op %s and snapshot %s, want r and %s", i, got[i].Op, got[i].Source.Snapshot, want)
		}
	}
	s.exec(t, "INSERT INTO a VALUES (4, 'new'); UPDATE a SET x = 'changed' WHERE id = 1; DELETE FROM a WHERE id = 2")
	got = await(t, kafka.Bootstrap, topic, 7)[3:]
	ops := ""
	for _, e := range got {
		if e.tombstone {
			ops += "-"
		} else {
			ops += e.Op
		}
	}
	if ops != "cud-" {
		t.Errorf("operations are %s, want cud-", ops)
	}
	if x := got[1].After["x"]; fmt.Sprint(x) != "changed" {
		t.Errorf("x after the update is %v", x)
	}
}
