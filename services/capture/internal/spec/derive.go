package spec

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/debezium"
	"github.com/calypso-cdc/calypso/libs/entra"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// connection derives the settings of the connection that depend on several keys.
func (r *reading) connection() {
	r.Connection.Database = r.Events.Database
	r.Connection.ApplicationName = strings.TrimSpace("calypso capture " + r.framework.Name)
	if r.entra {
		hosts := r.Connection.Hosts()
		r.Connection.Token = entra.For(entra.PostgresScope(hosts...), hosts...)
	}
}

// tables refuses an include list and an exclude list of the same kind together, in Debezium's
// words.
func (r *reading) tables() error {
	t := r.Tables
	t.Signal = r.Signals.Table
	var faults []error
	for _, lists := range []struct{ include, exclude *javaregex.List }{{&t.schemaIn, &t.schemaOut},
		{&t.Include, &t.tableOut}} {
		if *lists.include != nil && *lists.exclude != nil {
			include, exclude := r.nameOf(lists.include), r.nameOf(lists.exclude)
			faults = append(faults, specified(include, exclude))
		}
	}
	return errors.Join(faults...)
}

// specified is the fault of an exclude list that is given together with an include list.
func specified(include, exclude string) catalogue.Problem {
	return catalogue.Problem{Key: exclude, Message: fmt.Sprintf(
		"The '%s' value is invalid: \"%s\" is already specified", exclude, include)}
}

// slot derives the settings of the slot that depend on several keys.
func (r *reading) slot() {
	// Standbys keep the slot unless slot.failover=false is given. Debezium's default of false is not
	// taken from a configuration without the key: it is chosen for servers that have no such slots.
	r.Slot.Failover = r.Slot.Failover || !r.failoverGiven
	r.Slot.Confirms = r.Slot.Confirms && !r.othersFlush
}

// output works out the plugin and its parameters. Debezium's default plugin is not taken from a configuration without
// the key.
func (r *reading) output() error {
	if !r.pluginGiven {
		r.Output.Plugin = Pgoutput
	}
	if r.Output.Plugin != Wal2JSON {
		return nil
	}
	const version = "format-version"
	r.Output.Format = 2
	at := slices.IndexFunc(r.Output.Parameters, func(p [2]string) bool { return p[0] == version })
	if at < 0 {
		return nil
	}
	value := r.Output.Parameters[at][1]
	format, err := strconv.Atoi(value)
	if err != nil || format < 1 || format > 2 {
		return r.fault(&r.Output.Parameters, "format-version %q is not 1 or 2", value)
	}
	r.Output.Format = format
	r.Output.Parameters = slices.DeleteFunc(r.Output.Parameters, func(p [2]string) bool { return p[0] == version })
	return nil
}

// publishedOperations is the publish option of a publication that is created; empty for
// PostgreSQL's default. As in Debezium, the operations of skipped.operations are left out if that
// is set. Inserts stay if there is a signal table, which needs them.
func (r *reading) publishedOperations() string {
	if !r.skippedGiven {
		return ""
	}
	var published []string
	for _, op := range []struct {
		op   debezium.Op
		name string
	}{{debezium.Create, "insert"}, {debezium.Update, "update"}, {debezium.Delete, "delete"}, {debezium.Truncate,
		"truncate"}} {
		if !r.Events.Skipped.Has(op.op) || op.op == debezium.Create && r.Signals.Table != "" {
			published = append(published, op.name)
		}
	}
	return strings.Join(published, ", ")
}

// snapshot derives what snapshot.mode=configuration_based means from its parts, and takes each
// table's SELECT from its own key.
func (r *reading) snapshot() error {
	if r.Snapshot.Name == ConfigurationBased {
		r.Snapshot.Streams = r.based.streams
		if r.based.reads {
			r.Snapshot.Reads = ReadAlways
		}
		if r.based.readsLost {
			r.Snapshot.Lost = ReadAgainIfLost
		}
	}
	statements := r.Snapshot.Overrides
	r.Snapshot.Overrides = make(map[string]string)
	for _, table := range r.overridden {
		sql := statements[table]
		if sql == "" {
			key := r.nameOf(&r.overridden)
			return catalogue.Problemf(key, "%s names %s: set its SELECT in %[1]s.%[2]s", key, table)
		}
		r.Snapshot.Overrides[table] = strings.TrimRight(strings.TrimSpace(sql), "; \n\t")
	}
	return nil
}

// signals derives where signals come from.
func (r *reading) signals() error {
	for _, channel := range r.signalChannels {
		switch channel {
		case "source":
		case "kafka":
			if r.Signals.Topic = r.signalTopic; r.Signals.Topic == "" {
				r.Signals.Topic = r.Prefix + "-signal"
			}
		default:
			return r.fault(&r.signalChannels, "%q is not supported; source and kafka are", channel)
		}
	}
	return nil
}

// notifications derives where the progress of snapshots is reported.
func (r *reading) notifications() error {
	for _, channel := range r.notificationChannels {
		switch channel {
		case "log":
			r.Notifications.Log = true
		case "sink":
			if r.Notifications.Topic = r.notificationTopic; r.Notifications.Topic == "" {
				return r.fault(&r.notificationTopic, "it is missing: the channel sink of %s writes to it",
					r.nameOf(&r.notificationChannels))
			}
		default:
			return r.fault(&r.notificationChannels,
				"%q is not supported; sink and log are, and CaptureService and the metrics show the progress of snapshots",
				channel)
		}
	}
	return nil
}

// delivery derives the sizes of batches.
func (r *reading) delivery() error {
	var err error
	r.Delivery, err = deliver.ParseSettings(r.framework)
	if r.batchEvents != debeziumBatchSize {
		r.Delivery.BatchEvents = r.batchEvents
	}
	if r.queueBytes != 0 {
		r.Delivery.BatchBytes = r.queueBytes / 2 // one of two batches is filled while the other is written
	}
	return err
}

// Refused returns the faults, each of several keys together, for which a new configuration is
// refused. Connectors whose configuration was accepted before go on running with them.
func Refused(v catalogue.Values) error {
	var faults []error
	for _, custom := range []struct{ mode, class string }{
		{"snapshot.mode", "snapshot.mode.custom.name"},
		{"snapshot.locking.mode", "snapshot.locking.mode.custom.name"},
	} {
		if strings.EqualFold(v.String(custom.mode), "custom") && v.String(custom.class) == "" {
			faults = append(faults, catalogue.Problem{Key: custom.class, Message: fmt.Sprintf(
				"The '%s' value is invalid: %[1]s cannot be empty when %s 'custom' is defined", custom.class, custom.mode)})
		}
	}
	for _, of := range []string{"column", "message.prefix"} {
		include, exclude := of+".include.list", of+".exclude.list"
		if len(v.List(include)) > 0 && len(v.List(exclude)) > 0 {
			faults = append(faults, specified(include, exclude))
		}
	}
	const queue, batch = "max.queue.size", "max.batch.size"
	events, _ := strconv.Atoi(strings.TrimSpace(v.String(queue)))
	most, _ := strconv.Atoi(strings.TrimSpace(v.String(batch)))
	if _, given := v.Raw()[queue]; given && events <= most {
		faults = append(faults, catalogue.Problem{Key: queue, Message: fmt.Sprintf(
			"The '%s' value is invalid: Must be larger than %s (%d)", queue, batch, most)})
	}
	return errors.Join(faults...)
}
