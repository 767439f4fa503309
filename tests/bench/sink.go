package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// sinkBench repeats with our sink what was measured of Azure's Kafka Connect sink: the same events,
// the same settings, the same stand-in for ADX.
type sinkBench struct {
	schemaRows, plainRows int64
	only                  string
	verbose               bool
}

func (b *sinkBench) flags(f *flag.FlagSet) {
	f.Int64Var(&b.schemaRows, "schema-rows", 1_500_000, "events with schema")
	f.Int64Var(&b.plainRows, "plain-rows", 2_000_000, "events without schema")
	f.StringVar(&b.only, "only", "", "run only the measurements whose name has this in it")
	f.BoolVar(&b.verbose, "v", false, "say on standard error what is being done")
}

// measurement is one line of the table: ours, and what Azure's sink connector 5.3.1 reached under
// the same conditions (one run each on two cores, rows a second from the connector's creation to
// the last blob but one).
type measurement struct {
	name     string
	topic    string // schema or plain
	flush    int    // flush.size.bytes
	interval time.Duration
	whole    bool          // write the envelope instead of the row in it
	delay    time.Duration // of storage
	limit    time.Duration // how long to run at most
	azure    string        // rows/s
	azureCPU string        // CPU seconds for a million rows
	azureRSS string
}

var measurements = []measurement{
	{"use case", "schema", 10_000, 30 * time.Second, false, 0, 3 * time.Minute, "12.8 k", "85.5", "1560 MB"},
	{"tuned, 4 MiB", "schema", 4 << 20, 5 * time.Second, false, 0, 3 * time.Minute, "28.9 k", "38.7", "1359 MB"},
	{"tuned, 64 MiB", "schema", 64 << 20, 30 * time.Second, false, 0, 3 * time.Minute, "29.5 k", "37.8", "1455 MB"},
	{"without schema, whole envelopes, 4 MiB", "plain", 4 << 20, 30 * time.Second, true, 0, 3 * time.Minute, "45.9 k",
		"24.0", "1308 MB"},
	{"without schema, unwrapped, 4 MiB", "plain", 4 << 20, 30 * time.Second, false, 0, 3 * time.Minute,
		"cannot", "–", "–"},
	{"storage answers after 20 ms, 10 kB", "schema", 10_000, 30 * time.Second, false, 20 * time.Millisecond,
		25 * time.Second, "1.8 k", "299", "–"},
}

func (b *sinkBench) run(ctx context.Context) (_ report, err error) {
	r := newReport("Sink")
	r.Notes = []string{
		fmt.Sprintf(
			"Topics of one partition: %d Debezium events with schema, %d without, written before. Sink, Kafka and the target share the machine.", b.schemaRows, b.plainRows),
		"A row counts when the queue message of its blob was taken by a stand-in for ADX that answers at once; a blob whose tag has come before is skipped, as ADX does. Rates run from the connector's creation to the last blob but one, which a timer may have cut.",
		"Azure's figures: its Kafka Connect sink 5.3.1, measured once on another day, on two cores, with a stand-in of the same behaviour but other code, and other events. Without schema its unwrap does nothing, so that only whole envelopes can be compared.",
		"Queryable is what a client that asks localadx again and again has seen; its questions share the machine.",
	}
	st, err := stack.New(ctx, stack.Options{Kafka: testenv.KafkaConfig{Heap: "1g", RealOnly: true}, ADX: true,
		ADXEnv: []string{"LOCALADX_DATABASE=orders", "LOCALADX_MAX_BATCHING_TIME=1s"}})
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	run := sinkMeasures{bench: b, stack: st, filled: map[string]bool{}}
	for _, part := range []func(context.Context) (table, error){run.throughput, run.kill, run.latency, run.queryable,
		run.streaming} {
		t, err := part(ctx)
		if err != nil {
			return r, err
		}
		if len(t.Rows) > 0 {
			r.Tables = append(r.Tables, t)
		}
	}
	return r, nil
}

// sinkMeasures is one run of the benchmark over its servers.
type sinkMeasures struct {
	bench *sinkBench
	stack *stack.Stack
	// filled are the topics that are written.
	filled map[string]bool
}

func (b *sinkMeasures) wanted(name string) bool { return strings.Contains(name, b.bench.only) }

// throughput measures how fast a topic that is full already goes to the stand-in.
func (b *sinkMeasures) throughput(ctx context.Context) (table, error) {
	t := table{Heading: "Topic to rows accepted", Columns: []string{"conditions", "rows", "rows/s", "Azure's rows/s",
		"CPU s per million rows", "Azure's", "peak RSS", "Azure's", "blobs", "lost", "repeated"}}
	for _, m := range measurements {
		if !b.wanted(m.name) {
			continue
		}
		row, err := b.measure(ctx, m)
		if err != nil {
			return t, fmt.Errorf("%s: %w", m.name, err)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, nil
}

func (b *sinkBench) say(format string, args ...any) {
	if b.verbose {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}
}

func (b *sinkBench) rows(topic string) int64 {
	if topic == "schema" {
		return b.schemaRows
	}
	return b.plainRows
}

const (
	topicSuffix = ".retail.orders_info"
	eventSchema = `{"type":"struct","fields":[` + rowSchema +
		`,"optional":true,"name":"myserver.retail.orders_info.Value","field":"before"},` + rowSchema +
		`,"optional":true,"name":"myserver.retail.orders_info.Value","field":"after"},{"type":"struct","fields":[{"type":"string","optional":false,"field":"version"},` +
		`{"type":"string","optional":false,"field":"connector"},{"type":"string","optional":false,"field":"name"},{"type":"int64","optional":false,"field":"ts_ms"},` +
		`{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"},` +
		`{"type":"string","optional":false,"field":"db"},{"type":"string","optional":true,"field":"sequence"},{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"},` +
		`{"type":"string","optional":false,"field":"schema"},{"type":"string","optional":false,"field":"table"},{"type":"int64","optional":true,"field":"txId"},{"type":"int64","optional":true,"field":"lsn"},` +
		`{"type":"int64","optional":true,"field":"xmin"}],"optional":false,"name":"io.debezium.connector.postgresql.Source","version":1,"field":"source"},` +
		`{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"},{"type":"int64","optional":false,"field":"total_order"},{"type":"int64","optional":false,"field":"data_collection_order"}],` +
		`"optional":true,"name":"event.block","version":1,"field":"transaction"},{"type":"string","optional":false,"field":"op"},{"type":"int64","optional":true,"field":"ts_ms"},` +
		`{"type":"int64","optional":true,"field":"ts_us"},{"type":"int64","optional":true,"field":"ts_ns"}],"optional":false,"name":"myserver.retail.orders_info.Envelope","version":2}`
	rowSchema = `{"type":"struct","fields":[{"type":"int32","optional":false,"default":0,"field":"orderid"},{"type":"int32","optional":false,"field":"custid"},` +
		`{"type":"int32","optional":false,"field":"amount"},{"type":"string","optional":false,"field":"city"},{"type":"string","optional":false,"field":"purchase_time"}]`
)

// fill writes the events of a topic once, each a different order, as capture writes them.
func (b *sinkMeasures) fill(ctx context.Context, topic string) error {
	if b.filled[topic] {
		return nil
	}
	b.filled[topic] = true
	name, n := topic+topicSuffix, b.bench.rows(topic)
	b.bench.say("writing %d events to %s", n, name)
	client, err := kgo.NewClient(kgo.SeedBrokers(b.stack.Kafka.Bootstrap), kgo.DefaultProduceTopic(name),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.MaxBufferedRecords(20_000))
	if err != nil {
		return fmt.Errorf("make a producer: %w", err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).CreateTopic(ctx, 1, 1, nil, name); err != nil {
		return fmt.Errorf("make topic %s: %w", name, err)
	}
	var failed error
	for i := int64(1); i <= n; i++ {
		key, value := event(topic == "schema", i)
		client.Produce(ctx, &kgo.Record{Key: key, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = errors.Join(failed, err)
			}
		})
	}
	return errors.Join(client.Flush(ctx), failed)
}

func event(schema bool, id int64) (key, value []byte) {
	cities := [...]string{"New Delhi", "Seattle", "New York", "Austin", "Chicago", "Cleveland"}
	key = fmt.Appendf(nil, `{"orderid":%d}`, id)
	value = fmt.Appendf(nil,
		`{"before":null,"after":{"orderid":%d,"custid":%d,"amount":%d,"city":%q,"purchase_time":"2020-10-09 07:10:49"},`+
			`"source":{"version":"3.6.3.Final","connector":"postgresql","name":"myserver","ts_ms":1791000000000,"snapshot":"false","db":"postgres","sequence":"[\"25000000\",\"25000000\"]",`+
			`"ts_us":1791000000000000,"ts_ns":1791000000000000000,"schema":"retail","table":"orders_info","txId":%d,"lsn":%d,"xmin":null},"transaction":null,"op":"c","ts_ms":1791000000001,`+
			`"ts_us":1791000000001000,"ts_ns":1791000000001000000}`, id, 1+id%1000, 100+id%100, cities[id%6], 700+id/1000,
		25000000+id*100)
	if schema {
		value = fmt.Appendf(nil, `{"schema":%s,"payload":%s}`, eventSchema, value)
	}
	return key, value
}

// sinkRun is a sink worker of its own with one connector, and the stand-in that it sends to, if it is not localadx.
type sinkRun struct {
	fleet *stack.Fleet
	adx   *target
	name  string
	dir   string
}

func (r *sinkRun) close() {
	if r.fleet != nil {
		_ = r.fleet.Close()
	}
	if r.adx != nil {
		r.adx.close()
	}
	_ = os.RemoveAll(r.dir)
}

// against starts a stand-in and a worker that trusts it.
func (b *sinkMeasures) against(ctx context.Context, name string, delay time.Duration) (_ *sinkRun, err error) {
	r := &sinkRun{name: name}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.dir, err = os.MkdirTemp("", "calypso-bench-"); err != nil {
		return nil, err
	}
	ca := filepath.Join(r.dir, "ca.pem")
	if r.adx, err = startTarget(delay, ca); err != nil {
		return nil, err
	}
	r.fleet, err = b.stack.Fleet(ctx, "sink", "KUSTO_CA_FILE="+ca)
	return r, err
}

// create makes the connector as the use case has it, with other settings where more has them; an
// empty one removes the key.
func (r *sinkRun) create(ctx context.Context, url, topic string, schemas bool, flush int, interval time.Duration,
	more map[string]string) error {
	config := map[string]string{
		"connector.class": "com.microsoft.azure.kusto.kafka.connect.sink.KustoSinkConnector", "tasks.max": "2",
		"topics":           topic,
		"flush.size.bytes": fmt.Sprint(flush), "flush.interval.ms": fmt.Sprint(interval.Milliseconds()), "kusto.url": url,
		"kusto.tables.topics.mapping": fmt.Sprintf(
			"[{'topic': '%s','db': 'orders', 'table': 'Orders','format': 'json', 'mapping':'OrdersEventMapping'}]", topic),
		"aad.auth.authority": "tenant", "aad.auth.appid": "app", "aad.auth.appkey": "key",
		"key.converter": "org.apache.kafka.connect.storage.StringConverter", "transforms": "unwrap",
		"transforms.unwrap.type":         "io.debezium.transforms.ExtractNewRecordState",
		"value.converter":                "org.apache.kafka.connect.json.JsonConverter",
		"value.converter.schemas.enable": fmt.Sprint(schemas),
	}
	for k, v := range more {
		if config[k] = v; v == "" {
			delete(config, k)
		}
	}
	return r.fleet.Connect.Create(ctx, r.name, config, "")
}

// slug makes a connector's name of a measurement's.
func slug(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
}

// measure runs a sink of its own over a topic, against a target of its own.
func (b *sinkMeasures) measure(ctx context.Context, m measurement) (_ []string, err error) {
	if err := b.fill(ctx, m.topic); err != nil {
		return nil, err
	}
	r, err := b.against(ctx, slug(m.name), m.delay)
	if err != nil {
		return nil, err
	}
	defer r.close()
	adx, process := r.adx, r.fleet.Worker.Process()
	if err := process.ResetPeakRSS(); err != nil {
		return nil, err
	}
	used, err := process.CPU()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	more := map[string]string{}
	if m.whole {
		// The mapping names the row's fields, which an envelope has none of: every value becomes null, as
		// it does with Azure's sink, and that is what is to be compared.
		more = map[string]string{"transforms": "", "transforms.unwrap.type": "", "values.check": "null"}
	}
	if err := r.create(ctx, adx.url(), m.topic+topicSuffix, m.topic == "schema", m.flush, m.interval, more); err != nil {
		return nil, err
	}
	want := int(b.bench.rows(m.topic))
	if err := until(ctx, time.Until(start.Add(m.limit)), func() bool { return adx.rows() >= want }); err != nil {
		return nil, err
	}
	after, err := process.CPU()
	if err != nil {
		return nil, err
	}
	peak, err := process.PeakRSS()
	if err != nil {
		return nil, err
	}
	if err := r.fleet.Connect.Running(ctx, r.name); err != nil {
		return nil, err
	}
	accepted := adx.acceptances()
	if len(accepted) == 0 {
		return nil, fmt.Errorf("no blob came; the end of the sink's log:\n%s", process.Tail(10))
	}
	rows := 0
	for _, a := range accepted {
		rows += a.rows
	}
	// What a timer may have cut counts only if there is nothing else.
	counted, last := rows, accepted[len(accepted)-1]
	if len(accepted) > 1 {
		counted, last = rows-last.rows, accepted[len(accepted)-2]
	}
	rate := perSecond(int64(counted), last.at.Sub(start))
	distinct, repeated := adx.distinct()
	lost := "–"
	if rows >= want {
		lost = fmt.Sprint(want - distinct)
	}
	b.bench.say("%s: %d rows, %.0f rows/s", m.name, rows, rate)
	return []string{m.name, fmt.Sprint(rows), thousands(rate), m.azure,
		fmt.Sprintf("%.1f", (after-used).Seconds()/float64(rows)*1e6), m.azureCPU,
		megabytes(peak), m.azureRSS, fmt.Sprint(len(accepted)), lost, fmt.Sprint(repeated)}, nil
}

// until waits for something, for at most a time; it fails only if ctx ends.
func until(ctx context.Context, most time.Duration, done func() bool) error {
	for deadline := time.Now().Add(most); !done() && time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
