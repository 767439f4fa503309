package spec

import (
	"fmt"
	"maps"
	"math"
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
	// fetchMax and partitionFetchMax bound what a fetch asks for, in bytes, besides the memory that
	// there is; 0 if they are not set.
	fetchMax, partitionFetchMax int32
	// Options are the settings of consumer.override.* that have a counterpart.
	Options []kgo.Opt
}

const (
	// leastRefresh keeps a wrong setting from asking brokers without pause.
	leastRefresh = time.Second
	// leastMetadataAge and mostMetadataAge bound how old what the client knows of topics may be.
	leastMetadataAge, mostMetadataAge = 5 * time.Second, time.Hour
	// longestRefresh stands for never, which metadata.max.age.ms may say by the largest number that there is.
	longestRefresh = 10 * 365 * 24 * time.Hour
	// leastWait, leastSession and longestName (of a client or a rack, in bytes) are what the client library takes.
	leastWait, leastSession = 10 * time.Millisecond, 100 * time.Millisecond
	longestName             = 256
	// sessionTimeout and heartbeatInterval hold where nothing is set.
	sessionTimeout, heartbeatInterval = 10 * time.Second, 2 * time.Second
	// kafkasSession is session.timeout.ms where Kafka's consumer is told nothing.
	kafkasSession = 45 * time.Second
)

// consumerSettings are the names under consumer.override that membershipOf reads.
var consumerSettings = []string{"auto.offset.reset", "isolation.level", "group.protocol", "session.timeout.ms",
	"heartbeat.interval.ms", "metadata.max.age.ms", "fetch.max.wait.ms",
	"fetch.min.bytes", "fetch.max.bytes", "max.partition.fetch.bytes", "client.id", "client.rack"}

// membershipOf reads what is set under consumer.override. The names of settings without effect come back as well.
func membershipOf(override map[string]string) (m membership, ignored []string, err error) {
	m.Start = kgo.NewOffset().AtStart()
	var session, heartbeat time.Duration
	for _, name := range slices.Sorted(maps.Keys(override)) {
		value := strings.TrimSpace(override[name])
		number := func(least, most int64) int64 {
			n, parseErr := strconv.ParseInt(value, 10, 64)
			if parseErr != nil || n < least || n > most {
				err = catalogue.Problemf("consumer.override."+name,
					"consumer.override.%s: %q is not a whole number from %d to %d", name, value, least, most)
			}
			return n
		}
		duration := func(least, most int64) time.Duration { return time.Duration(number(least, most)) * time.Millisecond }
		refuse := func(allowed string) {
			err = catalogue.Problemf("consumer.override."+name, "consumer.override.%s: %q is not %s", name, value, allowed)
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
			session = duration(1, math.MaxInt32)
		case "heartbeat.interval.ms":
			heartbeat = duration(1, math.MaxInt32)
		case "metadata.max.age.ms":
			age := time.Duration(min(number(0, math.MaxInt64), longestRefresh.Milliseconds())) * time.Millisecond
			m.Refresh = max(age, leastRefresh)
			m.Options = append(m.Options, kgo.MetadataMaxAge(min(max(m.Refresh, leastMetadataAge), mostMetadataAge)))
		case "fetch.max.wait.ms":
			m.Options = append(m.Options, kgo.FetchMaxWait(max(duration(0, math.MaxInt32), leastWait)))
		case "fetch.min.bytes":
			m.Options = append(m.Options, kgo.FetchMinBytes(int32(number(0, math.MaxInt32))))
		case "fetch.max.bytes":
			m.fetchMax = int32(max(1, number(0, math.MaxInt32)))
		case "max.partition.fetch.bytes":
			m.partitionFetchMax = int32(max(1, number(0, math.MaxInt32)))
		case "client.id":
			if len(value) > longestName {
				refuse(fmt.Sprintf("at most %d bytes long", longestName))
			}
			m.Options = append(m.Options, kgo.ClientID(value))
		case "client.rack":
			if len(value) > longestName {
				refuse(fmt.Sprintf("at most %d bytes long", longestName))
			}
			m.Options = append(m.Options, kgo.Rack(value))
		default:
			ignored = append(ignored, "consumer.override."+name)
		}
		if err != nil {
			return m, nil, err
		}
	}
	return m, ignored, m.stay(session, heartbeat)
}

// stay sets for how long the group keeps a member that is not heard of, and how often it is heard,
// which must be more often. Where only one of them is set, the other follows; 0 is not set.
func (m *membership) stay(session, heartbeat time.Duration) error {
	if session == 0 {
		session = max(sessionTimeout, min(3*heartbeat, kafkasSession))
	}
	if heartbeat >= session {
		const key = "consumer.override.heartbeat.interval.ms"
		return catalogue.Problemf(key, "%s: %d must be lower than session.timeout.ms, %d", key, heartbeat.Milliseconds(),
			session.Milliseconds())
	}
	if heartbeat == 0 {
		heartbeat = min(heartbeatInterval, session/3)
	}
	m.Options = append(m.Options, kgo.SessionTimeout(max(session, leastSession)), kgo.HeartbeatInterval(heartbeat))
	return nil
}

// Bound is what a fetch may ask for, of all partitions and of each, where there is room for so many bytes.
func (m membership) Bound(all, each int32) (int32, int32) {
	if m.fetchMax > 0 {
		all = min(all, m.fetchMax)
	}
	if m.partitionFetchMax > 0 {
		each = min(each, m.partitionFetchMax)
	}
	return all, each
}

// Balancing are the options by which partitions are shared out.
func (m membership) Balancing(instance string) []kgo.Opt {
	if m.BrokerAssigns {
		return []kgo.Opt{kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer())}
	}
	// A static member that comes back after a crash takes its place at once, and fences what is left of itself.
	return []kgo.Opt{kgo.InstanceID(instance), kgo.Balancers(kgo.CooperativeStickyBalancer())}
}
