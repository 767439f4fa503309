package testenv_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/testenv/reexec"
)

func TestMain(m *testing.M) {
	reexec.Run()
	goleak.VerifyTestMain(m)
}

func TestAClusterKeepsItsRowsOverAFastAndAnImmediateRestart(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	ctx := t.Context()
	if err := pg.Exec(ctx, "postgres", "create table t (i int); insert into t values (1)"); err != nil {
		t.Fatal(err)
	}
	if err := pg.Stop(testenv.Fast); err != nil {
		t.Fatal(err)
	}
	if err := pg.Start(ctx); err != nil {
		t.Fatal(err)
	}
	_ = pg.Stop(testenv.Immediate)
	if err := pg.Start(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(ctx, pg.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	var n int
	var level string
	if err := c.QueryRow(ctx, "select count(*), current_setting('wal_level') from t").Scan(&n, &level); err != nil {
		t.Fatal(err)
	}
	if n != 1 || level != "logical" {
		t.Fatalf("got %d rows and wal_level %s", n, level)
	}
}

func TestAClusterRefusesAWrongPassword(t *testing.T) {
	pg := testenv.RunPostgres(t, testenv.PostgresConfig{})
	_, err := pgx.Connect(t.Context(), pg.URLFor("postgres", "wrong", "postgres"))
	if err == nil || !strings.Contains(err.Error(), "password authentication failed") {
		t.Fatalf("got %v", err)
	}
}

func TestABrokerKeepsItsRecordsOverAKill(t *testing.T) {
	k := testenv.RunKafka(t, testenv.KafkaConfig{Proxied: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(k.ProxiedBootstrap), kgo.AllowAutoTopicCreation(), kgo.ConsumeTopics("t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "t", Value: []byte("v")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	k.Proxy.Reset()
	k.Kill()
	if err := k.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for ctx.Err() == nil {
		f := cl.PollFetches(ctx)
		if f.NumRecords() > 0 {
			return
		}
	}
	t.Fatal("the record never came")
}

// echo answers every line with itself.
func echo(t *testing.T) string {
	return testenv.Peer(t, func(c net.Conn) { _, _ = io.Copy(c, c) }).String()
}

// ask sends a line through addr and returns what comes back within a quarter of a second.
func ask(addr, line string) (string, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(250 * time.Millisecond))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", err
	}
	got, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(got), err
}

func TestAProxyPassesBytesUntilItIsToldToBreakAndAgainOnceHealed(t *testing.T) {
	p := testenv.RunProxy(t, echo(t))
	healthy := func() {
		t.Helper()
		if got, err := ask(p.Addr, "hello"); err != nil || got != "hello" {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	for name, breakIt := range map[string]func(){
		"cut":       p.Cut,
		"stall":     p.Stall,
		"cut after": func() { p.CutAfter(2) },
	} {
		healthy()
		breakIt()
		if got, err := ask(p.Addr, "hello"); err == nil {
			t.Fatalf("%s: got %q", name, got)
		}
		p.Heal()
	}
	p.Slow(time.Millisecond, 1)
	healthy()
}
