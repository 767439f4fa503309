package capture

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// debeziumKeys are all keys of Debezium's PostgreSQL connector 3.6 and of its 1.x versions, with an
// example of each family.
const debeziumKeys = `
name connector.class tasks.max key.converter key.converter.schemas.enable value.converter value.converter.decimal.format value.converter.replace.null.with.default header.converter
transforms transforms.x.type predicates predicates.p.type errors.tolerance errors.retry.timeout errors.retry.delay.max.ms errors.log.enable errors.log.include.messages
topic.creation.groups topic.creation.default.partitions producer.override.linger.ms exactly.once.support transaction.boundary transaction.boundary.interval.ms offsets.storage.topic config.action.reload
database.hostname database.port database.user database.password database.dbname topic.prefix database.server.name
database.sslmode database.sslcert database.sslkey database.sslpassword database.sslrootcert database.sslfactory database.tcpKeepAlive database.initial.statements
database.query.timeout.ms database.connection.timeout.ms database.connection.factory.class connection.validation.timeout.ms driver.socketTimeout database.autosave database.socketTimeout database.loginTimeout read.only
plugin.name slot.name slot.drop.on.stop slot.failover slot.stream.params slot.max.retries slot.retry.delay.ms internal.create.slot.command.timeout publication.name publication.autocreate.mode
publish.via.partition.root replica.identity.autoset.values status.update.interval.ms lsn.flush.mode flush.lsn.source lsn.flush.timeout.ms lsn.flush.timeout.action offset.mismatch.strategy
internal.slot.seek.to.known.offset.on.start xmin.fetch.interval.ms internal.log.position.check.enable internal.offset.activity.monitor.interval.ms
schema.include.list schema.exclude.list schema.whitelist schema.blacklist table.include.list table.exclude.list table.whitelist table.blacklist column.include.list column.exclude.list column.whitelist column.blacklist
table.ignore.builtin message.key.columns tombstones.on.delete skipped.operations skip.messages.without.change column.mask.hash.SHA-256.with.salt.x column.mask.hash.v2.SHA-256.with.salt.x
column.mask.with.5.chars column.truncate.to.5.chars column.propagate.source.type datatype.propagate.source.type include.schema.comments schema.name.adjustment.mode field.name.adjustment.mode
sanitize.field.names message.prefix.include.list message.prefix.exclude.list provide.transaction.metadata transaction.metadata.factory topic.naming.strategy topic.delimiter topic.cache.size topic.transaction
topic.heartbeat.prefix heartbeat.topics.prefix topic.heartbeat.name extended.headers.enabled sourceinfo.struct.maker source.struct.version converters post.processors
decimal.handling.mode time.precision.mode interval.handling.mode hstore.handling.mode binary.handling.mode money.fraction.digits include.unknown.datatypes unavailable.value.placeholder toasted.value.placeholder schema.refresh.mode
snapshot.mode snapshot.mode.configuration.based.snapshot.data snapshot.mode.configuration.based.snapshot.schema snapshot.mode.configuration.based.start.stream
snapshot.mode.configuration.based.snapshot.on.schema.error snapshot.mode.configuration.based.snapshot.on.data.error snapshot.mode.custom.name snapshot.custom.class snapshot.query.mode snapshot.query.mode.custom.name
snapshot.locking.mode snapshot.locking.mode.custom.name snapshot.isolation.mode snapshot.lock.timeout.ms snapshot.include.collection.list snapshot.select.statement.overrides snapshot.select.statement.overrides.public.a
snapshot.fetch.size snapshot.delay.ms streaming.delay.ms snapshot.max.threads snapshot.max.threads.multiplier legacy.snapshot.max.threads snapshot.tables.order.by.row.count internal.snapshot.scan.all.columns.force
incremental.snapshot.chunk.size incremental.snapshot.watermarking.strategy incremental.snapshot.allow.schema.changes signal.data.collection signal.enabled.channels signal.poll.interval.ms
signal.emit.failure.max.retries signal.emit.failure.backoff.ms signal.kafka.topic signal.kafka.groupId signal.kafka.bootstrap.servers signal.kafka.poll.timeout.ms signal.consumer.security.protocol signal.file
max.batch.size max.queue.size max.queue.size.in.bytes queue.provider.type chronicle.queue.path poll.interval.ms poll.dispatch.interval.ms query.fetch.size heartbeat.interval.ms heartbeat.action.query
retriable.restart.connector.wait.ms errors.max.retries internal.custom.retriable.exception event.processing.failure.handling.mode event.converting.failure.handling.mode notification.enabled.channels
notification.sink.topic.name custom.metric.tags statistics.metrics.enabled internal.advanced.metrics.enable guardrail.collections.max guardrail.collections.limit.action executor.shutdown.timeout.ms
custom.sanitize.pattern openlineage.integration.enabled openlineage.integration.config.file.path openlineage.integration.job.namespace openlineage.integration.job.description openlineage.integration.job.tags
openlineage.integration.job.owners openlineage.integration.dataset.kafka.bootstrap.servers memory.management.schemas.class memory.management.tables.class internal.schema.storage`

func TestEveryKeyOfDebeziumIsKnown(t *testing.T) {
	plugins, err := Plugins(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for key := range strings.FieldsSeq(debeziumKeys) {
		if _, ok := plugins[0].Catalogue.Lookup(key); !ok {
			t.Errorf("%s is not in the catalogue: declare it, with the reason if it is not supported", key)
		}
	}
}

// The file is what Kafka Connect 4.3.1 answers to GET /connector-plugins/PostgresConnector/config
// with Debezium 3.7.0, without the documentation.
func TestEveryKeyOfDebeziumIsShownAsDebeziumShowsIt(t *testing.T) {
	type definition struct {
		Name, Type, Importance, Group, Width string
		Default                              *string `json:"default_value"`
		Required                             bool
		Order                                int32  `json:"order_in_group"`
		DisplayName                          string `json:"display_name"`
		Dependents                           []string
	}
	content, err := os.ReadFile("testdata/debezium-keys.json")
	if err != nil {
		t.Fatal(err)
	}
	var recorded []definition
	if err := json.Unmarshal(content, &recorded); err != nil {
		t.Fatal(err)
	}
	worker := workerWithoutBroker(t)
	answer, err := worker.GetPluginConfig(t.Context(), &connectorv1.GetPluginConfigRequest{Plugin: "PostgresConnector"})
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]definition{}
	var order, want []string
	for _, key := range answer.GetKeys() {
		d := definition{Name: key.GetName(), Type: key.GetType(), Importance: key.GetImportance(), Group: key.GetGroup(),
			Width: key.GetWidth(), Required: key.GetRequired(),
			Order: key.GetOrderInGroup(), DisplayName: key.GetDisplayName(),
			Dependents: append([]string{}, key.GetDependents()...)}
		if key.GetHasDefault() {
			text := key.GetDefaultValue()
			d.Default = &text
		}
		shown[d.Name] = d
		if slices.ContainsFunc(recorded, func(r definition) bool { return r.Name == d.Name }) {
			order = append(order, d.Name)
		}
	}
	for _, d := range recorded {
		want = append(want, d.Name)
		got, known := shown[d.Name]
		switch d.Name { // what differs on purpose
		case "connector.plugin.version":
			d.Default = nil // there is one version
		case "key.converter", "value.converter", "header.converter":
			d.Default = got.Default // the worker's, which are shown
		case "column.truncate.to.(d+).chars":
			d.Type = "STRING" // its values are lists of columns
		}
		if !known || !reflect.DeepEqual(got, d) {
			t.Errorf("%s is shown as %+v, Debezium has %+v", d.Name, got, d)
		}
	}
	if !slices.Equal(order, want) {
		t.Errorf("the order is %v, Debezium's %v", order, want)
	}
}
