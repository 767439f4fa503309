package capture

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/entra"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// settings are a connector's configuration in the form that a task works with. What shapes the events' bytes is the
// change package's own Config.
type settings struct {
	connection pgrepl.Config
	prefix     string
	filter     *tableFilter

	plugin      string // pgoutput, wal2json or decoderbufs
	protocol    int
	pluginExtra [][2]string
	// wal2jsonFormat is 2, or 1 if slot.stream.params asks for it.
	wal2jsonFormat int
	slot           string
	slotTries      int
	slotDelay      time.Duration
	slotCreate     time.Duration // longest time to wait for the slot's creation
	failover       bool          // whether standbys shall keep the slot, where the server has that
	dropOnStop     bool
	publication    pgrepl.Publication // without tables
	identities     []identityRule
	confirm        bool // whether this connector confirms positions
	status         time.Duration
	mismatch       string

	snapshot snapshotSettings

	delivery   deliver.Settings
	spoolBytes int
	retries    int // -1 for ever
	retryDelay time.Duration

	heartbeat      time.Duration
	heartbeatQuery string
	queryTimeout   time.Duration
	maxTables      int
	failOverMax    bool
	skipFailures   string // event.processing.failure.handling.mode
	oversized      oversizedSettings
	signals        signalSettings
	notifications  notificationSettings
}

type snapshotSettings struct {
	mode      string
	onData    bool // configuration_based: a new snapshot where the slot is lost
	data      bool // configuration_based: snapshot at the first start
	stream    bool // configuration_based: stream afterwards
	threads   int
	overrides map[string]string // schema.table -> SELECT
	lock      bool
	lockTime  time.Duration
	delay     time.Duration
	after     time.Duration // streaming.delay.ms
	order     string
}

type signalSettings struct {
	table        string
	kafkaTopic   string // empty: no kafka channel
	chunk        int
	deleteWindow bool // insert_delete
	readOnly     bool
}

// identityRule is one item of replica.identity.autoset.values.
type identityRule struct {
	tables   javaregex.List
	identity string // FULL, DEFAULT, NOTHING or USING INDEX "…"
}

// debeziumBatchSize is Debezium's default of max.batch.size, which configurations repeat without wanting small transactions.
const debeziumBatchSize = 2048

// parseSettings reads checked values. Its errors name the key.
func parseSettings(v catalogue.Values) (*settings, error) {
	filter, err := newTableFilter(v)
	if err != nil {
		return nil, err
	}
	s := &settings{
		connection: pgrepl.Config{
			Host: v.String("database.hostname"), Port: uint16(v.Int("database.port")), User: v.String("database.user"),
			Password: v.String("database.password"), Database: v.String("database.dbname"), SSLMode: strings.ToLower(v.String("database.sslmode")),
			SSLCert: v.String("database.sslcert"), SSLKey: v.String("database.sslkey"), SSLPassword: v.String("database.sslpassword"),
			SSLRootCert: v.String("database.sslrootcert"), ConnectTimeout: v.Duration("database.connection.timeout.ms"),
			KeepAlive: v.Bool("database.tcpKeepAlive"), InitialStatements: splitStatements(v.String("database.initial.statements")),
			ApplicationName: strings.TrimSpace("calypso capture " + v.String("name")),
		},
		prefix: v.String("topic.prefix"), filter: filter,
		protocol: v.Int("replication.protocol"),
		slot:     v.String("slot.name"), slotTries: v.Int("slot.max.retries"), slotDelay: v.Duration("slot.retry.delay.ms"),
		slotCreate: v.Duration("internal.create.slot.command.timeout"), failover: failover(v), dropOnStop: v.Bool("slot.drop.on.stop"),
		publication: pgrepl.Publication{
			Name: v.String("publication.name"), Mode: pgrepl.PublicationMode(strings.ToLower(v.String("publication.autocreate.mode"))),
			ViaRoot: v.Bool("publish.via.partition.root"), Operations: publishedOperations(v),
		},
		confirm:  confirms(v),
		status:   v.Duration("status.update.interval.ms"),
		mismatch: strings.ToLower(v.String("offset.mismatch.strategy")),
		snapshot: snapshotSettings{
			mode: snapshotMode(v.String("snapshot.mode")), onData: v.Bool("snapshot.mode.configuration.based.snapshot.on.data.error"),
			data: v.Bool("snapshot.mode.configuration.based.snapshot.data"), stream: v.Bool("snapshot.mode.configuration.based.start.stream"),
			threads: v.Int("snapshot.max.threads"), lock: strings.EqualFold(v.String("snapshot.locking.mode"), "shared"),
			lockTime: v.Duration("snapshot.lock.timeout.ms"), delay: v.Duration("snapshot.delay.ms"), after: v.Duration("streaming.delay.ms"),
			order: strings.ToLower(v.String("snapshot.tables.order.by.row.count")), overrides: make(map[string]string),
		},
		spoolBytes: int(v.Int64("streaming.memory.bytes")),
		retries:    v.Int("errors.max.retries"), retryDelay: v.Duration("retriable.restart.connector.wait.ms"),
		heartbeat: v.Duration("heartbeat.interval.ms"), heartbeatQuery: v.String("heartbeat.action.query"),
		queryTimeout: v.Duration("database.query.timeout.ms"),
		maxTables:    v.Int("guardrail.collections.max"), failOverMax: strings.EqualFold(v.String("guardrail.collections.limit.action"), "fail"),
		skipFailures: strings.ToLower(v.String("event.processing.failure.handling.mode")),
		signals: signalSettings{
			table: filter.signal, chunk: v.Int("incremental.snapshot.chunk.size"), readOnly: v.Bool("read.only"),
			deleteWindow: strings.EqualFold(v.String("incremental.snapshot.watermarking.strategy"), "insert_delete"),
		},
	}
	if strings.EqualFold(v.String("database.connection.factory.class"), "entra") {
		s.connection.Token = entra.For(s.connection.Host, entra.PostgresScope(s.connection.Host))
	}
	if s.plugin = outputPlugin(v); s.plugin == "wal2json" {
		s.wal2jsonFormat = 2
	}
	for kv := range strings.SplitSeq(v.String("slot.stream.params"), ";") {
		if kv = strings.TrimSpace(kv); kv == "" {
			continue
		}
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, fmt.Errorf("slot.stream.params: %q is not name=value", kv)
		}
		if s.plugin == "wal2json" && strings.TrimSpace(name) == "format-version" {
			s.wal2jsonFormat, err = strconv.Atoi(strings.TrimSpace(value))
			if err != nil || s.wal2jsonFormat < 1 || s.wal2jsonFormat > 2 {
				return nil, fmt.Errorf("slot.stream.params: format-version %q is not 1 or 2", value)
			}
			continue
		}
		s.pluginExtra = append(s.pluginExtra, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	for _, t := range v.List("snapshot.select.statement.overrides") {
		sql := v.String("snapshot.select.statement.overrides." + t)
		if sql == "" {
			return nil, fmt.Errorf("snapshot.select.statement.overrides names %s: set its SELECT in snapshot.select.statement.overrides.%[1]s", t)
		}
		s.snapshot.overrides[t] = strings.TrimRight(strings.TrimSpace(sql), "; \n\t")
	}
	for _, c := range v.List("notification.enabled.channels") {
		switch c {
		case "log":
			s.notifications.log = true
		case "sink":
			if s.notifications.topic = v.String("notification.sink.topic.name"); s.notifications.topic == "" {
				return nil, errors.New("notification.sink.topic.name is missing: the channel sink of notification.enabled.channels writes to it")
			}
		default:
			return nil, fmt.Errorf("notification.enabled.channels: %q is not supported; sink and log are, and CaptureService and the metrics show the progress of snapshots", c)
		}
	}
	for _, c := range v.List("signal.enabled.channels") {
		switch c {
		case "source":
		case "kafka":
			if s.signals.kafkaTopic = v.String("signal.kafka.topic"); s.signals.kafkaTopic == "" {
				s.signals.kafkaTopic = s.prefix + "-signal"
			}
		default:
			return nil, fmt.Errorf("signal.enabled.channels: %q is not supported; source and kafka are", c)
		}
	}
	if s.identities, err = parseIdentities(v.String("replica.identity.autoset.values")); err != nil {
		return nil, err
	}
	if s.delivery, err = deliver.ParseSettings(v); err != nil {
		return nil, err
	}
	if n := v.Int("max.batch.size"); n != debeziumBatchSize {
		s.delivery.BatchEvents = n
	}
	if n := int(v.Int64("max.queue.size.in.bytes")); n != 0 {
		s.delivery.BatchBytes = n / 2 // one of two batches is filled while the other is written
	}
	s.oversized = oversizedSettings{mode: strings.ToLower(v.String("oversized.records.mode")), topic: v.String("oversized.records.topic")}
	if s.oversized.topic == "" {
		s.oversized.topic = s.prefix + "-oversized"
	}
	return s, nil
}

// failover says whether standbys shall keep the slot: so it is unless somebody has said that it shall not. Debezium's default counts for
// servers that have no such slots, too.
func failover(v catalogue.Values) bool { return v.Bool("slot.failover") || !v.Has("slot.failover") }

// outputPlugin is the plugin that is asked for: pgoutput, wal2json or decoderbufs.
func outputPlugin(v catalogue.Values) string {
	switch p := strings.ToLower(v.String("plugin.name")); {
	case strings.HasPrefix(p, "wal2json"):
		return "wal2json"
	case p == "decoderbufs" && v.Has("plugin.name"):
		return p
	}
	return "pgoutput"
}

// confirms says whether this connector confirms positions to the server.
func confirms(v catalogue.Values) bool {
	return v.Bool("flush.lsn.source") && !strings.EqualFold(v.String("lsn.flush.mode"), "manual")
}

// streams says whether changes are streamed, or tables are only read.
func (s snapshotSettings) streams() bool {
	return s.mode != "initial_only" && (s.mode != "configuration_based" || s.stream)
}

// readsAlways says whether tables are read at each start, also where there is a position.
func (s snapshotSettings) readsAlways() bool {
	return s.mode == "always" || s.mode == "configuration_based" && s.data
}

// snapshotMode gives older names their present meaning.
func snapshotMode(mode string) string {
	switch mode = strings.ToLower(mode); mode {
	case "never":
		return "no_data"
	case "exported":
		return "initial"
	}
	return mode
}

// splitStatements splits at semicolons; two of them stand for one in a statement.
func splitStatements(list string) []string {
	const literal = "\x00"
	var out []string
	for s := range strings.SplitSeq(strings.ReplaceAll(list, ";;", literal), ";") {
		if s = strings.TrimSpace(strings.ReplaceAll(s, literal, ";")); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func parseIdentities(list string) ([]identityRule, error) {
	const key = "replica.identity.autoset.values"
	var out []identityRule
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		table, identity, ok := strings.Cut(item, ":")
		p, err := parsePatterns(key, table)
		if !ok || err != nil {
			return nil, fmt.Errorf("%s: %q is not schema.table:IDENTITY", key, item)
		}
		word, index, _ := strings.Cut(strings.TrimSpace(identity), " ")
		switch word = strings.ToUpper(word); word {
		case "FULL", "DEFAULT", "NOTHING":
		case "INDEX":
			word = "USING INDEX " + pgrepl.QuoteIdent(strings.TrimSpace(index))
		default:
			return nil, fmt.Errorf("%s: %q is not FULL, DEFAULT, NOTHING or INDEX <name>", key, identity)
		}
		out = append(out, identityRule{p, word})
	}
	return out, nil
}

// publishedOperations is the publish option of a publication that is made: as Debezium has it, without the operations that
// skipped.operations names, where it is set. The signal table needs its inserts.
func publishedOperations(v catalogue.Values) string {
	if !v.Has("skipped.operations") {
		return ""
	}
	skipped := v.List("skipped.operations")
	var published []string
	for _, op := range []struct{ letter, name string }{{"c", "insert"}, {"u", "update"}, {"d", "delete"}, {"t", "truncate"}} {
		skips := slices.ContainsFunc(skipped, func(s string) bool { return strings.EqualFold(s, op.letter) })
		if !skips || op.letter == "c" && v.String("signal.data.collection") != "" {
			published = append(published, op.name)
		}
	}
	return strings.Join(published, ", ")
}
