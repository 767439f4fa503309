package spec

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/kafka"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/route"
)

const (
	groupCluster  = "Cluster"
	groupAuth     = "Authentication"
	groupTables   = "Tables"
	groupBatches  = "Batches"
	groupDelivery = "Delivery"
	groupErrors   = "Error Handling"
	groupConsumer = "Client Overrides"
)

func (r *reading) clusterKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "kusto.ingestion.url", Aliases: []string{"kusto.url"}, Type: catalogue.String, Default: catalogue.Default(""),
			Importance: catalogue.High, Group: groupCluster, Check: endpoint,
			Into: catalogue.Read(&r.ingestionURL, trimmed),
			Doc:  "Address of the cluster's data management service, https://ingest-<cluster>.<region>.kusto.windows.net. It or kusto.query.url is required; the other follows from it. Only the host counts, as with Azure's sink: a path or a query after it is left out.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewTarget,
				Doc: "Rows go to the new cluster from the committed offsets on; what is in the old one stays there. Batches that were under way may come into both."}}},
		{Name: "kusto.query.url", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.High,
			Group: groupCluster, Check: endpoint,
			Into: catalogue.Read(&r.queryURL, trimmed),
			Doc:  "Address of the cluster's engine, https://<cluster>.<region>.kusto.windows.net.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewTarget,
				Doc: "Rows go to the new cluster from the committed offsets on; what is in the old one stays there. Batches that were under way may come into both."}}},
		{Name: "kusto.trusted.hosts", Type: catalogue.List, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupCluster,
			Into:  catalogue.Strings(&r.Kusto.TrustedHosts),
			Doc:   "Host names, or suffixes that start with a dot, that may be given data and credentials besides Azure's and this machine."},
		{Name: "kusto.tls.ca.file", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupCluster,
			Into:  catalogue.Text(&r.Kusto.CAFile),
			Doc:   "PEM file of certificate authorities to trust besides the system's, such as localadx's ca.pem."},
		{Name: "proxy.host", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupCluster,
			Into:  catalogue.Text(&r.proxyHost),
			Doc:   "Host of an HTTP proxy to the cluster and its storage; the environment's HTTPS_PROXY if empty."},
		{Name: "proxy.port", Type: catalogue.Int, Default: catalogue.Default("-1"), Importance: catalogue.Low,
			Group: groupCluster,
			Into:  catalogue.Number(&r.proxyPort),
			Doc:   "Port of the HTTP proxy."},
	}
}

func (r *reading) authKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "aad.auth.strategy", Type: catalogue.String, Default: catalogue.Default(string(kusto.Application)),
			Importance: catalogue.Medium, Group: groupAuth,
			Into: catalogue.Choice(&r.Kusto.Auth.Strategy, kusto.Strategies()...),
			Doc:  "How to authenticate: an application with secret or certificate, a managed identity, a Kubernetes workload identity, the Azure CLI's login, a token as it is, the default chain, or not at all. A server on this machine, or reached over http, is sent no credentials."},
		{Name: "aad.auth.appid", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.High,
			Group: groupAuth,
			Into:  catalogue.Text(&r.Kusto.Auth.AppID),
			Doc:   "Client id of the application or of the user-assigned identity; empty or system is the system-assigned one."},
		{Name: "aad.auth.appkey", Type: catalogue.Password, Default: catalogue.Default(""), Importance: catalogue.High,
			Group: groupAuth, Into: catalogue.Text(&r.Kusto.Auth.AppKey),
			Doc: "Secret of the application."},
		{Name: "aad.auth.authority", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.High,
			Group: groupAuth, Into: catalogue.Text(&r.Kusto.Auth.Authority),
			Doc: "Id of the tenant."},
		{Name: "aad.auth.accesstoken", Type: catalogue.Password, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupAuth, Into: catalogue.Text(&r.Kusto.Auth.AccessToken),
			Doc: "Bearer token of strategy AZ_DEV_TOKEN; it is not renewed."},
		{Name: "aad.auth.certificate.file", Type: catalogue.String, Default: catalogue.Default(""),
			Importance: catalogue.Medium, Group: groupAuth,
			Into: catalogue.Text(&r.Kusto.Auth.CertificateFile),
			Doc:  "PEM or PKCS#12 file of the application's certificate and key, instead of aad.auth.appkey."},
		{Name: "aad.auth.certificate.password", Type: catalogue.Password, Default: catalogue.Default(""),
			Importance: catalogue.Medium, Group: groupAuth, Into: catalogue.Text(&r.Kusto.Auth.CertificatePassword),
			Doc: "Password of the certificate file."},
		{Name: "aad.auth.token.file", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupAuth, Into: catalogue.Text(&r.Kusto.Auth.TokenFile),
			Doc: "Service account token of a workload identity; AZURE_FEDERATED_TOKEN_FILE if empty."},
	}
}

func (r *reading) tableKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "kusto.tables.topics.mapping", SeenIn: catalogue.InTables, Type: catalogue.String,
			Required: true, Importance: catalogue.High,
			Group: groupTables,
			Check: func(text string) error { _, err := route.Parse(text); return err },
			Into:  catalogue.Read(&r.Routes, route.Parse),
			Doc:   "JSON array of {topic, db, table, format, mapping, streaming}; single quotes may stand for double ones. The topic * takes every topic not named; with regex: true the topic is a regular expression whose groups db, table and mapping may use ($1).",
			Consequences: []catalogue.Consequence{
				{Effect: catalogue.NewTarget,
					Doc: "Rows of a topic whose table or database changes go to the new one from the committed offsets on; earlier rows stay where they are. Batches that were under way may come into both. The table and its mapping must exist, or auto.create make them."},
				{Effect: catalogue.RowsChange,
					Doc: "Another mapping or format counts from the next batch on; rows in the table stay as they are."},
			}},
		{Name: "kusto.validation.table.enable", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Low, Group: groupTables,
			Into: catalogue.Flag(&r.Validate),
			Doc:  "Whether databases, tables and mappings are checked at the start. Without, a fault shows with the first batch."},
		{Name: "auto.create", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium,
			Group: groupTables,
			Into:  catalogue.Flag(&r.AutoCreate),
			Doc:   "Makes a missing table from the schema of the first record, and a mapping by name. Needs values with schemas. ADX takes no column whose name begins or ends with two underscores (__op) or has characters other than letters, digits, underscores, spaces, dots and dashes: the mapping brings such a field to a column called alike (_op), and without a mapping it is refused."},
		{Name: "auto.evolve", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium,
			Group: groupTables,
			Into:  catalogue.Flag(&r.AutoEvolve),
			Doc:   "Adds a column where a record's schema has a field that the table lacks. No column's type is ever changed, since that would wipe its data."},
		{Name: "acknowledged.columns", Type: catalogue.List, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupTables,
			Into:  catalogue.Strings(&r.Acknowledged),
			Doc:   "Columns, as topic:column, that may stay without values after their field was renamed or dropped at the source. Until they are named here, or the mapping follows, a notice degrades the pipeline."},
		{Name: "table.form", Type: catalogue.String, Default: catalogue.Default("rows"), Importance: catalogue.Medium,
			Group: groupTables,
			Into: catalogue.OneOf(&r.Changes, catalogue.Word[bool]{Text: "rows"}, catalogue.Word[bool]{Text: "changes",
				Means: true}),
			Doc: "rows ingests rows as the transforms leave them. changes makes an append-only table of changes: deletes and truncates become rows too, and each row has _op, _ts, _lsn, _seq, _tx and _deleted.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.RowsChange,
				Doc: "changes appends deletes as rows and adds the columns _op, _ts, _lsn, _seq, _tx and _deleted, which table and mapping must have; rows stops both. Rows in the table stay as they are."}}},
		{Name: "current.state", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium,
			Group: groupTables,
			Into:  catalogue.Flag(&r.CurrentState),
			Doc:   "With table.form=changes, makes a materialized view and the function <table>_current, which gives the latest state of each key that is not deleted, and that no later truncate of the source's table emptied. The source must send truncates for that (skipped.operations=none); by default it leaves them out."},
		{Name: "metadata.columns", Type: catalogue.List, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupTables,
			Into:  catalogue.Strings(&r.added),
			Doc:   "Columns about the record that are added to each row, out of _topic, _partition, _offset, _timestamp, _key, _headers.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.RowsChange,
				Doc: "Rows have other columns from the next batch on: table and mapping must have them. Rows in the table stay as they are."}}},
		{Name: "values.check", Type: catalogue.String, Default: catalogue.Default(string(checkRefuse)),
			Importance: catalogue.Medium,
			Group:      groupTables,
			Into:       catalogue.Choice(&r.Check, checkRefuse, checkNull, CheckOff),
			Doc:        "What becomes of a row with a value that Kusto would silently store as null or cut off: refuse handles it as an error of the row (behavior.on.error), null sends it all the same and counts it, off does not look, and converts nothing either (Debezium's decimals and times in numbers become null)."},
	}
}

func (r *reading) batchKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "flush.size.bytes", Type: catalogue.Long, Default: catalogue.Default("33554432"),
			Check: catalogue.AtLeast(100), Importance: catalogue.Medium, Group: groupBatches,
			Into: catalogue.Number(&r.FlushSize),
			Doc:  "Bytes of rows, before compression, from which on a partition's batch may be sent, at least 100. While earlier batches of the partition are under way a batch goes on growing up to flush.max.bytes, so that extents stay few. Where buffer.memory.bytes is used up, batches of a megabyte are sent. Azure's sink has 1048576 if it is not set.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NoEffectYet,
				Doc: "Batches that were recorded before the change are repeated as they were cut; the new bounds count from the next one on."}}},
		{Name: "flush.interval.ms", Type: catalogue.Long, Default: catalogue.Default("60000"), Check: catalogue.AtLeast(10),
			Importance: catalogue.High, Group: groupBatches,
			Into: catalogue.Milliseconds(&r.FlushInterval),
			Doc:  "Longest time in milliseconds that a row waits for its batch to fill, at least 10. Each queued batch is followed in the cluster's table of statuses, which is made for some 10,000 a day: a partition that always has rows takes 86,400,000 by this value of them. Azure's sink has 30000 if it is not set.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NoEffectYet,
				Doc: "Batches that were recorded before the change are repeated as they were cut; the new bounds count from the next one on."}}},
		{Name: "streaming.linger.ms", Type: catalogue.Long, Default: catalogue.Default("20"), Check: catalogue.AtLeast(0),
			Importance: catalogue.Low, Group: groupBatches,
			Into: catalogue.Milliseconds(&r.Linger),
			Doc:  "Longest time in milliseconds that a row waits for others before it is streamed (ingestion.mode streaming or adaptive). While a request of the partition is under way rows wait for its answer, at most flush.interval.ms, so a slow cluster gets fewer and larger requests."},
		{Name: "flush.max.bytes", Type: catalogue.Long, Default: catalogue.Default("33554432"),
			Check: catalogue.AtLeast(1024), Importance: catalogue.Low, Group: groupBatches,
			Into: catalogue.Number(&r.FlushMax),
			Doc:  "Bytes of rows, before compression, at which a batch is always sent.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NoEffectYet,
				Doc: "Batches that were recorded before the change are repeated as they were cut; the new bounds count from the next one on."}}},
		{Name: "max.in.flight.batches", Type: catalogue.Int, Default: catalogue.Default("4"), Check: catalogue.AtLeast(1),
			Importance: catalogue.Low, Group: groupBatches,
			Into: catalogue.Number(&r.MaxInFlight),
			Doc:  "How many batches of one partition may be under way at once. Offsets are committed in order all the same."},
		{Name: "buffer.memory.bytes", Type: catalogue.Long, Default: catalogue.Default("134217728"),
			Check: catalogue.AtLeast(1 << 20), Importance: catalogue.Low, Group: groupBatches,
			Into: catalogue.Number(&r.BufferMemory),
			Doc:  "Bytes of fetched records, gathered rows and batches under way that all sink tasks of a process hold together; the largest value of its connectors counts. Half of it is divided evenly among the tasks, the other half is for whoever comes first. At the limit no more is fetched until batches are through; one fetch of each task comes on top, bounded by what its records become when they are read. A sink worker also bounds its heap by it, to this and 96 MiB, unless GOMEMLIMIT says another bound, and collects it seldom below that, unless GOGC says how often; of calypso up the bound is its own."},
		{Name: "tempdir.path", Type: catalogue.String, Default: catalogue.Default(""), Importance: catalogue.Low,
			Group: groupBatches, Doc: "Directory of buffer files.",
			Unsupported: "there are no temporary files: batches are compressed in memory, which buffer.memory.bytes bounds."},
	}
}

func (r *reading) deliveryKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "delivery.guarantee", Type: catalogue.String, Default: catalogue.Default("exactly_once"),
			Importance: catalogue.High, Group: groupDelivery,
			Into: catalogue.OneOf(&r.Exact, catalogue.Word[bool]{Text: "exactly_once", Means: true},
				catalogue.Word[bool]{Text: "at_least_once"}),
			Doc: "exactly_once records each batch's offsets before it is sent, tags it (ingest-by) and has the cluster skip a tag it has seen; it holds for queued and inline ingestion. at_least_once uses no tags, which lets the cluster merge batches.",
			Consequences: []catalogue.Consequence{
				{Effect: catalogue.Guarantee, When: catalogue.Case(losesExactlyOnce),
					Doc: "With at_least_once batches are no longer tagged, so a batch that is sent twice is in the table twice."},
				{Effect: catalogue.Guarantee, When: catalogue.Case(gainsExactlyOnce),
					Doc: "From the next batch on each record is in the table once, with queued and inline ingestion; what came in twice before stays."},
			}},
		{Name: "ingestion.mode", Type: catalogue.String, Default: catalogue.Default(string(ModeAuto)),
			Importance: catalogue.Medium, Group: groupDelivery,
			Into: catalogue.Choice(&r.Mode, ModeAuto, ModeQueued, ModeStreaming, ModeAdaptive, ModeInline),
			Doc:  "queued goes through storage and the data management service; streaming is queryable at once, at least once, with queued as its fallback; adaptive streams while a table takes less than 4 GB an hour, the rate up to which ADX advises streaming, at least once, and queues what comes faster, exactly once; inline sends rows within commands, for servers without data management. auto is what the topic's mapping says (streaming: true), else queued, else inline where the server takes no queued ingestion.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.Guarantee, When: catalogue.Case(beginsStreaming),
				Doc: "Streaming delivers at least once, and the table needs a streaming ingestion policy: .alter table <table> policy streamingingestion enable."}}},
		{Name: "ingestion.status.timeout.ms", Type: catalogue.Long, Default: catalogue.Default("1800000"),
			Check: catalogue.AtLeast(1000), Importance: catalogue.Low, Group: groupDelivery,
			Into: catalogue.Milliseconds(&r.StatusTimeout),
			Doc:  "After how many milliseconds without a final status a queued batch is sent again, at least 1000. It must exceed the table's batching time. With exactly_once the cluster skips the batch if the first one came in after all; with at_least_once it may come in twice."},
		{Name: "tags.retention", Type: catalogue.String, Default: catalogue.Default("7.00:00:00"), Importance: catalogue.Low,
			Group: groupDelivery,
			Into:  catalogue.Text(&r.TagRetention),
			Doc:   "How long the cluster keeps ingest-by tags, as a time span; it is set on tables whose policy says nothing. A batch that is sent again later than this is ingested again. Empty leaves the policy alone.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NoEffectYet,
				Doc: "It is set on tables whose policy says nothing. Where the sink, or you, set one before, alter it: .alter table <table> policy extent_tags_retention."}}},
		{Name: "behavior.on.error", Type: catalogue.String, Default: catalogue.Default("FAIL"), Importance: catalogue.High,
			Group: groupErrors,
			Into:  catalogue.Choice(&r.behavior, failOnError, logErrors, ignoreErrors),
			Doc:   "What becomes of a row that cannot be delivered: FAIL stops the task with the reason; LOG and IGNORE pass over it, to the dead letter topic if there is one. Outages never count: they are waited for."},
		{Name: "records.missing", Type: catalogue.String, Default: catalogue.Default(MissingTask),
			Importance: catalogue.Medium, Group: groupErrors,
			Into: catalogue.OneOf(&r.MissingStopsTopic, catalogue.Word[bool]{Text: MissingTask},
				catalogue.Word[bool]{Text: MissingTopic, Means: true}),
			Doc: "What stands still when records were removed from a topic before the sink had read them, by retention that is shorter than the sink stood still: task fails the task, topic has the topic alone stand still, which a notice says, while others go on. Rows are never passed over either way: the offset where it may go on is set by hand."},
		{Name: "errors.retry.max.time.ms", Type: catalogue.Long, Default: catalogue.Default("300000"),
			Importance: catalogue.Low, Group: groupErrors,
			Into: catalogue.Given(&r.limitGiven, catalogue.Milliseconds(&r.RetryLimit)),
			Doc:  "If set with behavior.on.error=FAIL: after how many milliseconds of an outage the task fails. Unset, it goes on trying."},
		{Name: "errors.retry.backoff.time.ms", Type: catalogue.Long, Default: catalogue.Default("10000"),
			Check: catalogue.AtLeast(1), Importance: catalogue.Low, Group: groupErrors,
			Into: catalogue.Milliseconds(&r.MaxBackoff),
			Doc:  "Longest pause between two attempts in milliseconds. Pauses grow from 100 ms and vary at random; the service's Retry-After is respected."},
		{Name: deadPrefix + "bootstrap.servers", Type: catalogue.List, Default: catalogue.Default(""),
			Importance: catalogue.Low, Group: groupErrors,
			Into: catalogue.Text(&r.deadBrokers),
			Doc:  "Brokers of the dead letter topic. They are connected to with the other misc.deadletterqueue keys only; if it is empty, dead letters go to the worker's own brokers as the worker connects to them.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewTopics,
				Doc: "Dead letters go to the new topic. Those in the old one stay, and are no longer listed or replayed: replay or discard them before."}}},
		{Name: deadPrefix + "topic.name", Type: catalogue.String, Default: catalogue.Default(""),
			Importance: catalogue.Low, Group: groupErrors,
			Into: catalogue.Text(&r.deadTopic),
			Doc:  "Topic for records that cannot be delivered; errors.deadletterqueue.topic.name if empty.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewTopics,
				Doc: "Dead letters go to the new topic. Those in the old one stay, and are no longer listed or replayed: replay or discard them before."}}},
		{Name: deadPrefix + "*", Members: catalogue.Members{Names: kafka.Properties(), Only: true},
			Type:       catalogue.String,
			Importance: catalogue.Low, Group: groupErrors,
			Into: catalogue.Family(&r.deadClient),
			Doc:  "A setting of the dead letter producer, by Kafka's name: security.protocol, sasl.mechanism (PLAIN, SCRAM) and sasl.jaas.config, ssl.truststore and ssl.keystore in PEM, client.id, compression.type, linger.ms, max.request.size. Others have no effect, which a warning says."},
		{Name: "consumer.override.*", Members: catalogue.Members{Names: consumerSettings, Only: true}, Type: catalogue.String,
			Importance: catalogue.Low, Group: groupConsumer,
			Into: catalogue.Family(&r.framework.Consumer),
			Doc:  "A setting of the connector's consumer, by Kafka's name: group.id, auto.offset.reset, isolation.level (read_committed by default), session.timeout.ms, heartbeat.interval.ms, metadata.max.age.ms (how often new partitions, and with topics.regex new topics, are looked for, 10000 by default and at least 1000), fetch.max.wait.ms, fetch.min.bytes, fetch.max.bytes, max.partition.fetch.bytes, client.id, client.rack, and group.protocol: consumer has the brokers share the partitions out (KIP-848, Kafka 4.0 and later). Others have no effect, which a warning says."},
		{Name: "consumer.override.group.id", SeenIn: catalogue.InGroups, Type: catalogue.String,
			Importance: catalogue.Low, Group: groupConsumer,
			Into: catalogue.Elsewhere(),
			Doc:  "Consumer group of the tasks, which keeps their offsets; connect-<connector> if it is not set.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.NewOffsets,
				Doc: "Offsets are kept by group: a new one begins at the start of the topics (consumer.override.auto.offset.reset), and rows that were ingested already come in again."}}},
		{Name: "consumer.override.max.poll.interval.ms", Type: catalogue.Long, Importance: catalogue.Low,
			Group: groupConsumer, Doc: "Longest time between two polls in milliseconds.",
			Unsupported: "polling does not wait for ingestion: a partition whose rows cannot be ingested yet is paused."},
		{Name: "consumer.override.max.poll.records", Type: catalogue.Int, Importance: catalogue.Low, Group: groupConsumer,
			Doc:         "Most records a poll returns.",
			Unsupported: "records are bounded in bytes, by buffer.memory.bytes and the fetch settings."},
		{Name: "producer.override.*", Type: catalogue.String, Importance: catalogue.Low, Group: groupConsumer,
			Doc:         "A setting of the dead letter producer.",
			Unsupported: "the dead letter producer connects as the worker does, or by the misc.deadletterqueue keys."},
		{Name: "admin.override.*", Type: catalogue.String, Importance: catalogue.Low, Group: groupConsumer,
			Doc:         "A setting of the admin client.",
			Unsupported: "the admin client connects as the worker does."},
	}
}

func endpoint(text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	_, err := kusto.DeriveEndpoints(strings.TrimSpace(text), "")
	return err
}

// trimmed is an address without spaces around it.
func trimmed(text string) (string, error) { return strings.TrimSpace(text), nil }

// The conditions below are on what a connector did before a change, and does after it.

func losesExactlyOnce(before, after *Spec) bool { return before.Exact && !after.Exact }

func gainsExactlyOnce(before, after *Spec) bool { return !before.Exact && after.Exact }

// beginsStreaming looks at the mode alone; with auto the topic's mapping reports whether rows are streamed.
func beginsStreaming(before, after *Spec) bool { return !before.Mode.Streams() && after.Mode.Streams() }
