package capture

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// sqlBlocks are the SQL blocks of a page.
func sqlBlocks(t testing.TB, page string) (out []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range strings.Split(string(text), "```") {
		if sql, ok := strings.CutPrefix(part, "sql\n"); ok && i%2 == 1 {
			out = append(out, sql)
		}
	}
	return out
}

// The statements that the pages about managed servers name, in their order, lead to a connector that captures.
func TestTheStatementsOfThePagesAboutManagedServersRunAsTheyStand(t *testing.T) {
	needServers(t)
	ctx := t.Context()
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	if err := pg.Exec(ctx, "postgres",
		"CREATE ROLE rds_replication NOLOGIN; CREATE ROLE owner LOGIN SUPERUSER PASSWORD 'p'"); err != nil {
		t.Fatal(err)
	}
	db := fmt.Sprintf("t%d", time.Now().UnixNano())
	if err := pg.Exec(ctx, "postgres", "CREATE DATABASE "+db); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(ctx, pg.URLFor("owner", "p", db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	s := &source{pg, db, conn}
	s.exec(t, "CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders VALUES (1)")
	s.exec(t, "SELECT pg_create_physical_replication_slot('"+testenv.StandbySlot+"')")
	major := s.query(t, "SELECT current_setting('server_version_num')::int / 10000 || ''")
	ran := 0
	for _, page := range []string{"managed-postgresql.md", "azure-postgresql.md", "amazon-rds.md", "neon-supabase.md"} {
		for _, sql := range sqlBlocks(t, page) {
			// What only later versions have runs there.
			if strings.Contains(sql, "synchronized_standby_slots") && major < "17" ||
				strings.Contains(sql, "pg_log_standby_snapshot") && major < "16" {
				continue
			}
			for statement := range strings.SplitSeq(strings.TrimSpace(sql), "\n") {
				s.exec(t, strings.ReplaceAll(statement, "DATABASE shop", "DATABASE "+db))
			}
			ran++
		}
	}
	if ran < 4 {
		t.Errorf("%d blocks ran", ran)
	}
	if major >= "17" { // no standby is there that a slot could wait for
		s.exec(t, "ALTER SYSTEM RESET synchronized_standby_slots")
		s.exec(t, "SELECT pg_reload_conf()")
	}
	config := s.config("c"+db, map[string]string{"database.user": "cdc", "database.password": "secret",
		"table.include.list": "public.orders", "publication.name": "calypso",
		"publication.autocreate.mode": "disabled", "signal.data.collection": "public.calypso_signal"})
	start(t, config)
	await(t, db+".public.orders", 1)
	s.awaitSlot(t)
	s.exec(t, "INSERT INTO orders VALUES (2)")
	await(t, db+".public.orders", 2)
	s.exec(t, `INSERT INTO calypso_signal VALUES ('1', 'execute-snapshot', '{"data-collections": ["public.orders"]}')`)
	if got := ops(await(t, db+".public.orders", 4)); got != "rcrr" {
		t.Errorf("operations are %s", got)
	}
}
