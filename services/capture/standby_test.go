package capture

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func TestOnlyAReaderOfTheWholeLogIsTakenForAStandby(t *testing.T) {
	s := newSource(t)
	for _, c := range []struct {
		replication string
		standby     bool
	}{{"database", false}, {"true", true}} {
		config := s.conn.Config().Config.Copy()
		config.RuntimeParams["replication"] = c.replication
		reader, err := pgconn.ConnectConfig(t.Context(), config) // it has begun to read nothing
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgrepl.InspectStandbys(t.Context(), s.conn)
		if err != nil || found.Connected != c.standby {
			t.Errorf("with replication=%s a standby is found: %v, want %v (%v)", c.replication, found.Connected, c.standby, err)
		}
		_ = reader.Close(t.Context())
	}
}
