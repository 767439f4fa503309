package faults

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/adx"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

const database = "faults"

var patience = flag.Duration("patience", 3*time.Minute, "for how long to wait for what operators are told")

// rig is the stack that all pipelines share.
type rig struct {
	*stack.Stack
	adx *adx.Client
	// calypsoctl is the path of the command.
	calypsoctl string
	// metrics are the addresses that Prometheus scrapes, by job.
	metrics map[string]string
	alarms  *alarms
	page    *page
}

func newRig(t *testing.T) *rig {
	t.Helper()
	metrics := map[string]string{}
	for _, fleet := range []string{"capture", "sink"} {
		port, err := testenv.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		metrics["calypso-"+fleet] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	r := &rig{Stack: stack.Start(t, stack.Options{Capture: true, Sink: true, ADX: true,
		CaptureEnv: []string{"HTTP_ADDRESS=" + metrics["calypso-capture"]},
		SinkEnv:    []string{"HTTP_ADDRESS=" + metrics["calypso-sink"]},
		Postgres: testenv.PostgresConfig{Settings: []string{"max_slot_wal_keep_size = 64GB", "max_replication_slots = 40",
			"max_wal_senders = 40", "max_connections = 200", "checkpoint_timeout = 30s", "min_wal_size = 32MB",
			"max_wal_size = 64MB"}},
		Kafka:  testenv.KafkaConfig{RealOnly: true},
		ADXEnv: []string{"LOCALADX_DATABASE=" + database}})}
	admin, err := testenv.Build(t.Context(), "admin")
	if err != nil {
		t.Fatal(err)
	}
	// It is built with admin.
	r.calypsoctl = filepath.Join(filepath.Dir(admin), "calypsoctl")
	if r.adx, err = adx.New(r.ADX(), database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.adx.Close() })
	metrics["calypso-admin"] = r.Address("admin source")
	r.metrics, r.alarms, r.page = metrics, newAlarms(t, metrics), newPage(t, metrics["calypso-admin"])
	return r
}

// command runs a management command on localadx itself, past the stand-in.
func (r *rig) command(t *testing.T, text string) {
	t.Helper()
	if err := r.adx.Command(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

// ask reads a message of admin's REST API.
func (r *rig) ask(ctx context.Context, path string, into proto.Message) error {
	body, err := r.text(ctx, path)
	if err != nil {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(body, into)
}

func (r *rig) text(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Address("admin source")+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %d: %.300s", path, response.StatusCode, body)
	}
	return body, err
}

// ctl runs calypsoctl as an operator does.
func (r *rig) ctl(ctx context.Context, arguments ...string) (string, error) {
	c := exec.CommandContext(ctx, r.calypsoctl, append([]string{"--address=" + r.Address("admin grpc")}, arguments...)...)
	out, err := c.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("calypsoctl %s: %w: %s", strings.Join(arguments, " "), err, out)
	}
	return string(out), err
}

// pipeline is one with a busy table, to which a row is written every half second, and an idle one.
type pipeline struct {
	*rig
	// name is that of the source connector, its sink, its role, its slot, its publication and the busy table.
	name string
	// cluster is in front of localadx and answers as it is told.
	cluster *cluster
	// mode is the sink's ingestion.mode.
	mode string
	// partitions are those of each topic.
	partitions int
}

func (p *pipeline) busy() string      { return "public." + p.name }
func (p *pipeline) idle() string      { return "public." + p.name + "_idle" }
func (p *pipeline) topic() string     { return p.name + "." + p.busy() }
func (p *pipeline) idleTopic() string { return p.name + "." + p.idle() }
func (p *pipeline) sinkName() string  { return p.name + "_sink" }

// exec executes statements as the superuser.
func (p *pipeline) exec(t *testing.T, sql string) {
	t.Helper()
	if err := p.Postgres.Exec(t.Context(), "postgres", sql); err != nil {
		t.Fatal(err)
	}
}

// target makes the busy table's table in ADX.
func (p *pipeline) target(t *testing.T) {
	t.Helper()
	p.command(t, fmt.Sprintf(".create table %s (id: long, at: datetime, n: int)", p.name))
	p.command(t, fmt.Sprintf(".alter table %s policy streamingingestion enable", p.name))
}

// newPipeline makes tables and connectors, and returns when all is well.
func (r *rig) newPipeline(t *testing.T, f fault) *pipeline {
	t.Helper()
	p := &pipeline{rig: r, name: f.name, cluster: newCluster(t, r.ADX()), mode: cmp.Or(f.mode, "streaming"),
		partitions: cmp.Or(f.partitions, 1)}
	p.exec(t, fmt.Sprintf(`create table %[1]s (id bigint generated always as identity primary key, at text, n int default 1);
		create table %[1]s_idle (id int primary key);
		insert into %[1]s_idle values (1);
		create role %[1]s login replication password 'right';
		grant select on %[1]s, %[1]s_idle to %[1]s;
		create publication %[1]s for table %[1]s, %[1]s_idle`, p.name))
	p.target(t)
	p.command(t, fmt.Sprintf(".create table %s_idle (id: int)", p.name))
	p.command(t, fmt.Sprintf(".alter table %s_idle policy streamingingestion enable", p.name))
	ctx := t.Context()
	if err := p.Source().Create(ctx, p.name, map[string]string{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": p.Postgres.Host, "database.port": strconv.Itoa(p.Postgres.Port), "database.user": p.name,
		"database.password": "right", "database.dbname": "postgres", "topic.prefix": p.name, "slot.name": p.name,
		"plugin.name": "pgoutput", "publication.name": p.name, "publication.autocreate.mode": "disabled",
		"table.include.list":                p.busy() + "," + p.idle(),
		"topic.creation.default.partitions": strconv.Itoa(p.partitions), "topic.creation.default.replication.factor": "1"}, ""); err != nil {
		t.Fatal(err)
	}
	if err := p.Sink().Create(ctx, p.sinkName(), p.sinkConfig(), ""); err != nil {
		t.Fatal(err)
	}
	p.write(t)
	p.eventually(t, "the pipeline to be healthy before the fault", func(ctx context.Context) error {
		row, err := p.row(ctx, p.idle())
		if err == nil && (row == nil || row.RecordsWaiting > 0 || row.Target == "") {
			err = fmt.Errorf("the idle table's row is not there yet: %v", row)
		}
		return errors.Join(err, p.healthy(ctx))
	})
	return p
}

func (p *pipeline) sinkConfig() map[string]string {
	route := func(topic, table string) string {
		return fmt.Sprintf(`{"topic": %q, "db": %q, "table": %q, "format": "json"}`, topic, database, table)
	}
	return map[string]string{
		"connector.class":             "com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector",
		"topics":                      p.topic() + "," + p.idleTopic(),
		"kusto.tables.topics.mapping": "[" + route(p.topic(), p.name) + "," + route(p.idleTopic(), p.name+"_idle") + "]",
		"kusto.ingestion.url":         p.cluster.url, "kusto.query.url": p.cluster.url,
		"aad.auth.authority": "tenant", "aad.auth.appid": "app", "aad.auth.appkey": "key",
		"flush.interval.ms": "1000", "ingestion.mode": p.mode,
		"transforms": "unwrap", "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
		"consumer.override.metadata.max.age.ms": "1000"}
}

// write writes a row every half second until the test ends, over connections that may break.
func (p *pipeline) write(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var conn *pgx.Conn
		for ctx.Err() == nil {
			var err error
			if conn == nil {
				conn, err = pgx.Connect(ctx, p.Postgres.URL("postgres"))
			}
			if err == nil {
				if _, err = conn.Exec(ctx, "insert into "+p.name+" default values"); err != nil {
					conn.Close(context.WithoutCancel(ctx))
					conn = nil
				}
			}
			select {
			case <-ctx.Done():
			case <-time.After(500 * time.Millisecond):
			}
		}
		if conn != nil {
			conn.Close(context.WithoutCancel(ctx))
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
}

// eventually waits until a condition holds, and logs how long that took.
func (p *pipeline) eventually(t *testing.T, what string, holds func(context.Context) error) {
	t.Helper()
	began := time.Now()
	testenv.Eventually(t, *patience, what, func(ctx context.Context) error {
		return errors.Join(p.idleIsNotLate(ctx), holds(ctx))
	})
	t.Logf("%5.1f s for %s", time.Since(began).Seconds(), what)
}

// row is what admin says about a table of the pipeline, nil if nothing.
func (p *pipeline) row(ctx context.Context, table string) (*adminv1.TableStatus, error) {
	var answer adminv1.ListTablesResponse
	if err := p.ask(ctx, "/v1/tables?page_size=1000&filter="+url.QueryEscape(p.name), &answer); err != nil {
		return nil, err
	}
	for _, row := range answer.Tables {
		if row.Source == p.name && row.Table == table {
			return row, nil
		}
	}
	return nil, nil
}

// idleIsNotLate holds at all times: nothing changes in the table.
func (p *pipeline) idleIsNotLate(ctx context.Context) error {
	row, err := p.row(ctx, p.idle())
	if err == nil && row.GetLateSeconds() > 0 {
		err = fmt.Errorf("the idle table is late: %s", row.Sentence)
	}
	return err
}

// healthy says why the pipeline is not healthy.
func (p *pipeline) healthy(ctx context.Context) error {
	var view adminv1.GetPipelineResponse
	if err := p.ask(ctx, "/v1/pipelines/"+p.name, &view); err != nil {
		return err
	}
	if view.Pipeline.GetVerdict() != adminv1.Verdict_VERDICT_HEALTHY {
		return fmt.Errorf("the pipeline is %s: %s", view.Pipeline.GetVerdict(), describe(view.Pipeline))
	}
	row, err := p.row(ctx, p.busy())
	if err == nil && row.GetCheck() != "" {
		err = errors.New(row.Sentence)
	}
	return err
}

// describe lists the checks that are not ok, notices too.
func describe(view *adminv1.Pipeline) string {
	var all []string
	for _, c := range view.GetChecks() {
		if c.State > adminv1.CheckState_CHECK_STATE_OK {
			all = append(all, fmt.Sprintf("[%s %s] %s → %s", c.Name, c.State, c.Summary, c.Remedy))
		}
	}
	return strings.Join(all, "\n")
}

// cluster is in front of localadx. It answers everything as it is told.
type cluster struct {
	url string
	// status is what it answers; 0 for localadx's answer, hang for none.
	status atomic.Int32
	// stalled says which requests wait; nil for none.
	stalled atomic.Pointer[stall]
}

// stall has the requests that contain a text wait, until it is over.
type stall struct {
	text string
	over chan struct{}
}

const (
	hang = -1
	// ingestBy begins the tag of a batch, which its topic and its partition follow.
	ingestBy = "ingest-by:"
)

// stall has requests that contain a text wait.
func (c *cluster) stall(text string) { c.stalled.Store(&stall{text, make(chan struct{})}) }

// goOn lets what waits be answered.
func (c *cluster) goOn() { close(c.stalled.Swap(nil).over) }

// wait returns when a request that has to wait is answered or given up.
func (c *cluster) wait(r *http.Request) {
	stalled := c.stalled.Load()
	if stalled == nil {
		return
	}
	body, err := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err != nil || !bytes.Contains(body, []byte(stalled.text)) {
		return
	}
	select {
	case <-stalled.over:
	case <-r.Context().Done():
	}
}

// newCluster makes a cluster, which ends with the test.
func newCluster(t *testing.T, behind string) *cluster {
	t.Helper()
	to, err := url.Parse(behind)
	if err != nil {
		t.Fatal(err)
	}
	c, proxy := &cluster{}, httputil.NewSingleHostReverseProxy(to)
	proxy.ErrorLog = log.New(io.Discard, "", 0) // a stopped cluster is one of the faults
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.wait(r)
		status := int(c.status.Load())
		switch {
		case status == 0:
			proxy.ServeHTTP(w, r)
		case status == hang:
			select {
			case <-r.Context().Done():
			case <-ended:
			}
		default:
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprint(w, refusals[status])
		}
	}))
	t.Cleanup(func() { close(ended); server.Close() })
	c.url = server.URL
	return c
}

// refusals are the bodies that Azure Data Explorer sends with a status.
var refusals = map[int]string{
	http.StatusForbidden: `{"error":{"code":"Forbidden","message":"Principal 'aadapp=app' is not authorized to write table",` +
		`"@type":"Kusto.DataNode.Exceptions.UnauthorizedDatabaseAccessException","@permanent":true}}`,
	http.StatusUnauthorized: `{"error":{"code":"Unauthorized","message":"AADSTS7000215: Invalid client secret provided.",` +
		`"@permanent":true}}`,
	http.StatusTooManyRequests: `{"error":{"code":"TooManyRequests","message":"The ingestion was throttled: the control command ` +
		`was aborted due to throttling.","@type":"Kusto.DataNode.Exceptions.ControlCommandThrottledException","@permanent":false}}`,
	http.StatusServiceUnavailable: `{"error":{"code":"ServiceUnavailable","message":"The cluster is stopped or updated",` +
		`"@permanent":false}}`,
}

func marshal(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
