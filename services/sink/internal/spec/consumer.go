package spec

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// membership is how a task joins its consumer group.
type membership struct {
	// Start is where a partition without a committed offset begins.
	Start kgo.Offset
	// BrokerAssigns has the brokers share the partitions out (KIP-848, group.protocol=consumer)
	// instead of the members. Such members are not static: a restarted one would wait until the
	// brokers have given up its predecessor.
	BrokerAssigns bool
	// Refresh is how often topics are looked for; 0 if it is not set.
	Refresh time.Duration
	// Uncommitted has records read before their transactions have ended.
	Uncommitted bool
	// FetchMax and partitionFetchMax bound what a fetch asks for besides the memory that there is; 0 if they are not set.
	FetchMax, PartitionFetchMax int32
	// Options are the settings of consumer.override.* that have a counterpart.
	Options []kgo.Opt
}

const (
	// leastRefresh keeps a wrong setting from asking brokers without pause.
	leastRefresh = time.Second
	// leastMetadataAge and mostMetadataAge bound how old what the client knows of topics may be.
	leastMetadataAge, mostMetadataAge = 5 * time.Second, time.Hour
)

// consumerSettings are the names under consumer.override that membershipOf reads.
var consumerSettings = []string{"auto.offset.reset", "isolation.level", "group.protocol", "session.timeout.ms",
	"heartbeat.interval.ms", "metadata.max.age.ms", "fetch.max.wait.ms",
	"fetch.min.bytes", "fetch.max.bytes", "max.partition.fetch.bytes", "client.id", "client.rack"}

// membershipOf reads what is set under consumer.override. The names of settings without effect come back as well.
func membershipOf(override map[string]string) (m membership, ignored []string, err error) {
	m.Start = kgo.NewOffset().AtStart()
	for _, name := range slices.Sorted(maps.Keys(override)) {
		value := strings.TrimSpace(override[name])
		add := func(option func(int64) kgo.Opt) {
			n, parseErr := strconv.ParseInt(value, 10, 31)
			if parseErr != nil || n < 1 {
				err = catalogue.Problemf("consumer.override."+name,
					"consumer.override.%s: %q is not a positive number", name, value)
				return
			}
			m.Options = append(m.Options, option(n))
		}
		refuse := func(allowed string) {
			err = catalogue.Problemf("consumer.override."+name, "consumer.override.%s: %q is not %s", name, value, allowed)
		}
		duration := func(option func(time.Duration) kgo.GroupOpt) {
			add(func(n int64) kgo.Opt { return option(time.Duration(n) * time.Millisecond) })
		}
		switch name {
		case "group.id", "max.poll.interval.ms", "max.poll.records":
			// connector.ConsumerGroup reads the first; of the others the catalogue warns
		case "auto.offset.reset":
			switch strings.ToLower(value) {
			case "earliest":
			case "latest":
				m.Start = kgo.NewOffset().AtEnd()
			default:
				refuse("earliest or latest")
			}
		case "isolation.level":
			switch value {
			case "read_committed":
			case "read_uncommitted":
				m.Uncommitted = true
				m.Options = append(m.Options, kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
			default:
				refuse("read_committed or read_uncommitted")
			}
		case "group.protocol":
			switch strings.ToLower(value) {
			case "classic":
			case "consumer":
				m.BrokerAssigns = true
			default:
				refuse("classic or consumer")
			}
		case "session.timeout.ms":
			duration(kgo.SessionTimeout)
		case "heartbeat.interval.ms":
			duration(kgo.HeartbeatInterval)
		case "metadata.max.age.ms":
			add(func(n int64) kgo.Opt {
				m.Refresh = max(time.Duration(n)*time.Millisecond, leastRefresh)
				return kgo.MetadataMaxAge(min(max(m.Refresh, leastMetadataAge), mostMetadataAge))
			})
		case "fetch.max.wait.ms":
			add(func(n int64) kgo.Opt { return kgo.FetchMaxWait(time.Duration(n) * time.Millisecond) })
		case "fetch.min.bytes":
			add(func(n int64) kgo.Opt { return kgo.FetchMinBytes(int32(n)) })
		case "fetch.max.bytes":
			add(func(n int64) kgo.Opt { m.FetchMax = int32(n); return kgo.FetchMaxBytes(int32(n)) })
		case "max.partition.fetch.bytes":
			add(func(n int64) kgo.Opt { m.PartitionFetchMax = int32(n); return kgo.FetchMaxPartitionBytes(int32(n)) })
		case "client.id":
			m.Options = append(m.Options, kgo.ClientID(value))
		case "client.rack":
			m.Options = append(m.Options, kgo.Rack(value))
		default:
			ignored = append(ignored, "consumer.override."+name)
		}
		if err != nil {
			return m, nil, err
		}
	}
	return m, ignored, nil
}

// Balancing are the options by which partitions are shared out.
func (m membership) Balancing(instance string) []kgo.Opt {
	if m.BrokerAssigns {
		return []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}
	}
	// A static member that comes back after a crash takes its place at once, and fences what is left of itself.
	return []kgo.Opt{kgo.InstanceID(instance), kgo.Balancers(kgo.CooperativeStickyBalancer())}
}
