package pgrepl

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestAUserOfASingleServerIsToldToLeaveOutTheServer(t *testing.T) {
	for _, c := range []struct {
		user, host string
		token      bool
		says       string
	}{
		{"me@shop", "shop.postgres.database.azure.com", false, "Set database.user=me:"},
		{"me@shop", "shop.postgres.database.usgovcloudapi.net:6432", false, "leave out @server"},
		{"me", "shop.postgres.database.azure.com", false, "database.password"},
		{"me@contoso.com", "shop.postgres.database.azure.com", false, "database.password"},
		{"me@shop", "shop.postgres.database.azure.com", true, "database.password"},
		{"me@shop", "db.example.com", false, "database.password"},
	} {
		config := Config{Host: c.host, User: c.user, Database: "d"}
		if c.token {
			config.Token = func(context.Context) (string, error) { return "", nil }
		}
		// The words of PostgreSQL 15 to a role that it does not know.
		err := connectError(config, &pgconn.PgError{Code: "28P01", Message: `password authentication failed for user "` + c.user + `"`, Routine: "auth_failed"})
		if ReasonOf(err) != ReasonAuthentication || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s at %s: %v, want a word about %s", c.user, c.host, err, c.says)
		}
	}
}
