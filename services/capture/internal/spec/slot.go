package spec

import (
	"fmt"
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

// Output says which output plugin the server uses, and with which options.
type Output struct {
	// Plugin is the configured one. An existing slot, or a server that does not have the plugin, may
	// lead to Pgoutput.
	Plugin Plugin
	// Protocol is the highest version of pgoutput's protocol to ask for.
	Protocol int
	// Format is that of wal2json: 2, or 1 if slot.stream.params asks for it.
	Format int
	// Parameters are those of slot.stream.params that are passed on.
	Parameters [][2]string
	// SpoolBytes is how many bytes of transactions in progress are kept in memory.
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
	// Failover lets standbys keep the slot, if the server supports that.
	Failover   bool
	DropOnStop bool
	// Confirms is true if this connector, and not something else, confirms positions to the server.
	Confirms bool
	// StatusInterval is the longest time between two status messages.
	StatusInterval time.Duration
	// Mismatch is what to do when slot and last position differ.
	Mismatch Mismatch
	// Storage is how many bytes of log the server has room for; 0 if nobody says.
	Storage int64
}

// StorageKey is the key of Slot.Storage.
const StorageKey = "slot.storage.bytes"

// Mismatch is offset.mismatch.strategy: which of the two to believe when slot and last position
// differ.
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

// plugins are the words of plugin.name.
var plugins = []catalogue.Word[Plugin]{
	{Text: "pgoutput", Means: Pgoutput}, {Text: "decoderbufs", Means: Decoderbufs}, {Text: "wal2json", Means: Wal2JSON},
	{Text: "wal2json_rds", Means: Wal2JSON}, {Text: "wal2json_streaming", Means: Wal2JSON},
	{Text: "wal2json_rds_streaming", Means: Wal2JSON},
}

// parseParameters reads name=value, separated by semicolons.
func parseParameters(list string) ([][2]string, error) {
	var parameters [][2]string
	for kv := range strings.SplitSeq(list, ";") {
		if kv = strings.TrimSpace(kv); kv == "" {
			continue
		}
		name, value, ok := strings.Cut(kv, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not name=value", kv)
		}
		parameters = append(parameters, [2]string{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return parameters, nil
}

// parseIdentities reads schema.table:IDENTITY, separated by commas.
func parseIdentities(list string) ([]Identity, error) {
	var out []Identity
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item == "" {
			continue
		}
		table, identity, ok := strings.Cut(item, ":")
		p, err := javaregex.ParseList(table)
		if !ok || err != nil {
			return nil, fmt.Errorf("%q is not schema.table:IDENTITY", item)
		}
		clause, index, _ := strings.Cut(strings.TrimSpace(identity), " ")
		switch clause = strings.ToUpper(clause); clause {
		case "FULL", "DEFAULT", "NOTHING":
		case "INDEX":
			clause = "USING INDEX " + pgrepl.QuoteIdent(strings.TrimSpace(index))
		default:
			return nil, fmt.Errorf("%q is not FULL, DEFAULT, NOTHING or INDEX <name>", identity)
		}
		out = append(out, Identity{p, clause})
	}
	return out, nil
}
