package spec

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

// Plugin is an output plugin: what decodes the log on the server.
type Plugin string

const (
	// Pgoutput comes with every server.
	Pgoutput Plugin = "pgoutput"
	// Wal2JSON sends changes as JSON.
	Wal2JSON Plugin = "wal2json"
	// Decoderbufs sends changes as protocol buffers.
	Decoderbufs Plugin = "decoderbufs"
)

// Output says what the server's output plugin is asked for.
type Output struct {
	// Plugin is the one that is configured. A slot that exists, or a server without it, may lead to Pgoutput.
	Plugin Plugin
	// Protocol is the most that pgoutput is asked for.
	Protocol int
	// Format is that of wal2json: 2, or 1 if slot.stream.params asks for it.
	Format int
	// Parameters are those of slot.stream.params that are passed on.
	Parameters [][2]string
	// SpoolBytes is how much of streamed transactions is kept in memory.
	SpoolBytes int
}

// Slot says how the replication slot is made and used.
type Slot struct {
	Name string
	// Tries and Delay bound the wait for a slot that another process holds.
	Tries int
	Delay time.Duration
	// CreateTimeout is the longest time to wait for the slot's creation.
	CreateTimeout time.Duration
	// Failover lets standbys keep the slot, where the server has that.
	Failover   bool
	DropOnStop bool
	// Confirms is whether this connector confirms positions to the server, and not somebody else.
	Confirms bool
	// StatusInterval is the longest time between two status messages.
	StatusInterval time.Duration
	// Mismatch is what is done where slot and last position differ.
	Mismatch Mismatch
}

// Mismatch is offset.mismatch.strategy: whom to believe where slot and last position differ.
type Mismatch string

const (
	// TrustOffset stops if the slot is ahead of the position.
	TrustOffset Mismatch = "trust_offset"
	// TrustSlot goes on at the slot, and accepts the gap.
	TrustSlot Mismatch = "trust_slot"
	// TrustGreater goes on at the later of both.
	TrustGreater Mismatch = "trust_greater_lsn"
)

// Identity is one item of replica.identity.autoset.values.
type Identity struct {
	Tables javaregex.List
	// Clause is FULL, DEFAULT, NOTHING or USING INDEX "…".
	Clause string
}

func parseSlot(v catalogue.Values) Slot {
	return Slot{
		Name: v.String("slot.name"), Tries: v.Int("slot.max.retries"), Delay: v.Duration("slot.retry.delay.ms"),
		CreateTimeout: v.Duration("internal.create.slot.command.timeout"), Failover: failover(v),
		DropOnStop: v.Bool("slot.drop.on.stop"),
		Confirms:   confirms(v), StatusInterval: v.Duration("status.update.interval.ms"), Mismatch: mismatch(v),
	}
}

// mismatch takes no_validation, Debezium's default, for what is safe.
func mismatch(v catalogue.Values) Mismatch {
	if m := Mismatch(word(v, "offset.mismatch.strategy")); m != "no_validation" {
		return m
	}
	return TrustOffset
}

// failover reports whether standbys shall keep the slot: so it is unless somebody has said that it
// shall not. Debezium's default counts for servers that have no such slots, too.
func failover(v catalogue.Values) bool { return v.Bool("slot.failover") || !v.Has("slot.failover") }

// confirms reports whether this connector confirms positions to the server.
func confirms(v catalogue.Values) bool {
	return v.Bool("flush.lsn.source") && word(v, "lsn.flush.mode") != "manual"
}

// plugin is the plugin that is asked for. Debezium's default is not taken from a configuration without the key.
func plugin(v catalogue.Values) Plugin {
	switch p := word(v, "plugin.name"); {
	case strings.HasPrefix(p, string(Wal2JSON)):
		return Wal2JSON
	case p == string(Decoderbufs) && v.Has("plugin.name"):
		return Decoderbufs
	}
	return Pgoutput
}

func parseOutput(v catalogue.Values) (Output, error) {
	const key = "slot.stream.params"
	o := Output{Plugin: plugin(v), Protocol: v.Int("replication.protocol"),
		SpoolBytes: int(v.Int64("streaming.memory.bytes"))}
	if o.Plugin == Wal2JSON {
		o.Format = 2
	}
	for kv := range strings.SplitSeq(v.String(key), ";") {
		if kv = strings.TrimSpace(kv); kv == "" {
			continue
		}
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			return o, catalogue.Problemf(key, "%s: %q is not name=value", key, kv)
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if o.Plugin != Wal2JSON || name != "format-version" {
			o.Parameters = append(o.Parameters, [2]string{name, value})
			continue
		}
		format, err := strconv.Atoi(value)
		if err != nil || format < 1 || format > 2 {
			return o, catalogue.Problemf(key, "%s: format-version %q is not 1 or 2", key, value)
		}
		o.Format = format
	}
	return o, nil
}

func parsePublication(v catalogue.Values) pgrepl.Publication {
	return pgrepl.Publication{
		Name: v.String("publication.name"), Mode: publicationMode(v),
		ViaRoot: v.Bool("publish.via.partition.root"), Operations: publishedOperations(v),
	}
}

func publicationMode(v catalogue.Values) pgrepl.PublicationMode {
	return pgrepl.PublicationMode(word(v, "publication.autocreate.mode"))
}

// publishedOperations is the publish option of a publication that is made: as Debezium has it,
// without the operations that skipped.operations names, where it is set. The signal table needs its
// inserts.
func publishedOperations(v catalogue.Values) string {
	if !v.Has("skipped.operations") {
		return ""
	}
	skipped := v.List("skipped.operations")
	var published []string
	for _, op := range []struct{ letter, name string }{{"c", "insert"}, {"u", "update"}, {"d", "delete"},
		{"t", "truncate"}} {
		skips := slices.ContainsFunc(skipped, func(s string) bool { return strings.EqualFold(s, op.letter) })
		if !skips || op.letter == "c" && v.String("signal.data.collection") != "" {
			published = append(published, op.name)
		}
	}
	return strings.Join(published, ", ")
}

func parseIdentities(v catalogue.Values) ([]Identity, error) {
	const key = "replica.identity.autoset.values"
	var out []Identity
	for item := range strings.SplitSeq(v.String(key), ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		table, identity, ok := strings.Cut(item, ":")
		p, err := parsePatterns(key, table)
		if !ok || err != nil {
			return nil, catalogue.Problemf(key, "%s: %q is not schema.table:IDENTITY", key, item)
		}
		clause, index, _ := strings.Cut(strings.TrimSpace(identity), " ")
		switch clause = strings.ToUpper(clause); clause {
		case "FULL", "DEFAULT", "NOTHING":
		case "INDEX":
			clause = "USING INDEX " + pgrepl.QuoteIdent(strings.TrimSpace(index))
		default:
			return nil, catalogue.Problemf(key, "%s: %q is not FULL, DEFAULT, NOTHING or INDEX <name>", key, identity)
		}
		out = append(out, Identity{p, clause})
	}
	return out, nil
}
