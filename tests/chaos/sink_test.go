package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/adx"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
	"github.com/calypso-cdc/calypso/tests/internal/workload"
)

// sinkRig is a captureRig whose topic goes on into localadx twice: as rows into Ledger, and as
// changes into Changes, whose current state the function Changes_current gives.
type sinkRig struct {
	*captureRig
	adx *adx.Client
}

const (
	sinkConnector  = "ledger-to-adx"
	stateConnector = "ledger-state-to-adx"
	database       = "chaos"
)

var columns = []string{"id", "account", "version", "note"}

func newSinkRig(t *testing.T) *sinkRig {
	t.Helper()
	return newSinkRigOf(t, 1)
}

// newSinkRigOf is a sinkRig whose fleets have that many workers each.
func newSinkRigOf(t *testing.T, workers int) *sinkRig {
	t.Helper()
	return newSinkRigWith(t, workers, func(*captureRig) map[string]string { return nil })
}

// newSinkRigWith is newSinkRigOf whose source has the properties that prepare returns, when the workload's table is made
// and nothing captures it yet.
func newSinkRigWith(t *testing.T, workers int, prepare func(*captureRig) map[string]string) *sinkRig {
	t.Helper()
	r := &sinkRig{captureRig: newRigWith(t, stack.Options{Sink: true, Workers: workers, ADX: true, ADXProxied: true,
		ADXEnv: []string{"LOCALADX_DATABASE=" + database, "LOCALADX_MAX_BATCHING_TIME=1s", "LOCALADX_STORAGE_LIFE=15s"}})}
	r.promise.Start = verify.AtFirstChange
	r.captureRig.create(t, prepare(r.captureRig))
	var err error
	if r.adx, err = adx.New(r.ADX(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.adx.Close() })
	var mapping []string
	for _, c := range columns {
		mapping = append(mapping, fmt.Sprintf(`{"column":%q,"Properties":{"path":"$.%s"}}`, c, c))
	}
	for _, command := range []string{
		".create table Ledger (id: long, account: int, version: long, note: string)",
		".create table Ledger ingestion json mapping 'LedgerMapping' '[" + strings.Join(mapping, ",") + "]'",
		".create table Changes (id: long, account: int, version: long, note: string, _op: string, _ts: datetime, _lsn: long, _seq: long, _tx: long, _deleted: bool)",
		".create function Changes_rows() { Changes | where not(_deleted) }",
	} {
		if err := r.adx.Command(t.Context(), command); err != nil {
			t.Fatal(err)
		}
	}
	r.createSink(t, sinkConnector, map[string]string{"transforms": "unwrap",
		"transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"kusto.tables.topics.mapping": fmt.Sprintf(
			"[{'topic': '%s','db': '%s', 'table': 'Ledger','format': 'json', 'mapping':'LedgerMapping'}]", topic, database)})
	r.createSink(t, stateConnector, map[string]string{"table.form": "changes", "current.state": "true",
		"kusto.tables.topics.mapping": fmt.Sprintf("[{'topic': '%s','db': '%s', 'table': 'Changes','format': 'json'}]",
			topic, database)})
	testenv.Eventually(t, time.Minute, "all connectors to run", func(ctx context.Context) error {
		return errors.Join(r.streaming(ctx), r.Sink().Running(ctx, sinkConnector), r.Sink().Running(ctx, stateConnector))
	})
	return r
}

// createSink makes a sink connector of the topic.
func (r *sinkRig) createSink(t *testing.T, name string, more map[string]string) {
	t.Helper()
	config := map[string]string{
		"connector.class": "com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector", "tasks.max": "2",
		"topics":           topic,
		"flush.size.bytes": "200000", "flush.interval.ms": "1000", "kusto.url": "http://" + r.ADXProxy.Addr,
		"aad.auth.authority": "tenant", "aad.auth.appid": "app", "aad.auth.appkey": "key",
		"key.converter":   "org.apache.kafka.connect.storage.StringConverter",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	}
	maps.Copy(config, more)
	r.configs[name] = config
	if err := r.Sink().Create(t.Context(), name, config, ""); err != nil {
		t.Fatal(err)
	}
}

// verify demands that the topic holds what was committed, ADX what the topic holds, both exactly
// once, and that the current state in ADX is the source's.
func (r *sinkRig) verify(t *testing.T) {
	t.Helper()
	r.captureRig.verify(t)
	r.verifyADX(t)
}

// verifyADX demands that ADX holds what the topic holds exactly once, and the current state of the source, unless the
// test has failed already.
func (r *sinkRig) verifyADX(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	ctx := t.Context()
	events, err := verify.Topic(ctx, r.Kafka.Bootstrap, topic)
	if err != nil {
		t.Fatal(err)
	}
	current, err := verify.Current(ctx, r.connect(t), workload.Table)
	if err != nil {
		t.Fatal(err)
	}
	events, current = verify.Only(events, columns...), verify.Only(current, columns...)
	for _, list := range [][]verify.Change{events, current} { // ADX has no null of type string: it comes as an empty one
		for i := range list {
			list[i].Row = verify.Row(strings.Replace(string(list[i].Row), `"note":null`, `"note":""`, 1))
		}
	}
	for _, c := range []struct {
		table string
		want  []verify.Change
	}{{"Ledger", events}, {"Changes_rows", events}, {"Changes_current", current}} {
		compare := func(ctx context.Context) (verify.Report, error) {
			rows, err := verify.ADX(ctx, r.adx.Client, database, c.table, columns[:1], columns...)
			return verify.Rows(c.want, rows, verify.ExactlyOnce), err
		}
		testenv.Eventually(t, 3*time.Minute, "every change to be in "+c.table, func(ctx context.Context) error {
			report, err := compare(ctx)
			if err == nil && len(report.Lost) > 0 {
				err = errors.Join(report.Err(), r.Sink().Running(ctx, sinkConnector), r.Sink().Running(ctx, stateConnector))
			}
			return err
		})
		time.Sleep(2 * time.Second) // what would come too often may come late
		report, err := compare(ctx)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %s", c.table, report)
		if err := report.Err(); err != nil {
			t.Errorf("%s: %v", c.table, err)
		}
	}
}

func TestSinkSurvivesKillsAtRandomTimes(t *testing.T) {
	r := newSinkRig(t)
	r.under(t, 60*time.Second, func(ctx context.Context) {
		r.wait(4 * time.Second)
		if err := r.Service("sink").Restart(ctx); err != nil {
			t.Error(err)
		}
	})
	r.verify(t)
}

func TestSinkSurvivesCrashesOfADX(t *testing.T) {
	r := newSinkRig(t)
	r.under(t, 60*time.Second, func(ctx context.Context) {
		r.wait(4 * time.Second)
		r.Service("localadx").Kill()
		r.wait(4 * time.Second)
		if err := r.Service("localadx").Start(ctx); err != nil {
			t.Error(err)
		}
	})
	r.verify(t)
}

func TestSinkSurvivesABrokenNetwork(t *testing.T) {
	r := newSinkRig(t)
	r.under(t, 90*time.Second, func(context.Context) {
		r.breakNetwork(r.ADXProxy, r.StorageProxy, r.Kafka.Proxy)
	})
	r.verify(t)
}

func TestSinkSurvivesWorkersThatJoinAndLeave(t *testing.T) {
	r := newSinkRig(t)
	var others []string
	r.under(t, 60*time.Second, func(ctx context.Context) {
		r.wait(4 * time.Second)
		switch n := len(others); {
		case n < 2:
			name := fmt.Sprintf("sink %d", r.random.Uint32())
			if _, err := r.Join(ctx, "sink", name); err != nil {
				t.Error(err)
			}
			others = append(others, name)
		case r.random.IntN(2) == 0:
			r.Service(others[0]).Kill()
			others = slices.Delete(others, 0, 1)
		default:
			if err := r.Service(others[0]).Stop(); err != nil {
				t.Error(err)
			}
			others = slices.Delete(others, 0, 1)
		}
	})
	r.verify(t)
}
