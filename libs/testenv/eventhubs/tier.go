package eventhubs

import (
	"slices"
	"time"
)

// Tier is what one tier of the service offers to Kafka clients.
type Tier struct {
	Name string
	// Gzip reports whether batches may be compressed with gzip; all other codecs are refused in every tier
	// (apache-kafka-configurations, "compression.type").
	Gzip bool
	// Transactions reports whether transactional producers are served. The documentation calls it a
	// preview of Premium and Dedicated in one place and unsupported in another.
	Transactions bool
	// Epochs reports whether metadata tell the epochs of leaders, and OffsetForLeaderEpoch is answered
	// (KIP-320). Users of tier Premium saw that its answers make franz-go find that records were
	// lost, and those of Standard are not asked
	// (github.com/open-telemetry/opentelemetry-collector-contrib/issues/42226). What exactly is
	// wrong with them is not known in public: here every epoch ends where the log begins.
	Epochs bool
	// Hubs is how many topics a namespace may have; 0 for no limit of interest.
	Hubs int
	// Partitions is how many partitions a topic may have.
	Partitions int32
	// Retention is the longest retention.ms.
	Retention time.Duration
}

// The tiers, by event-hubs-quotas.
var (
	Standard = Tier{Name: "Standard", Hubs: 10, Partitions: 32, Retention: 7 * 24 * time.Hour}
	Premium  = Tier{Name: "Premium", Gzip: true, Transactions: true, Epochs: true, Hubs: 100, Partitions: 100,
		Retention: 90 * 24 * time.Hour}
	Dedicated = Tier{Name: "Dedicated", Gzip: true, Transactions: true, Epochs: true, Hubs: 1000, Partitions: 1024,
		Retention: 90 * 24 * time.Hour}
)

// Limits of every tier.
const (
	// maxRequest is the size of a request above which the connection is closed
	// (apache-kafka-configurations, "max.request.size").
	maxRequest = 1_046_528
	// maxOffsetMetadata is offset.metadata.max.bytes (apache-kafka-troubleshooting-guide).
	maxOffsetMetadata = 1024
	// commitsPerSecond is how many offset commits a second each partition of a group takes
	// (apache-kafka-troubleshooting-guide).
	commitsPerSecond = 4
	// idleTimeout closes connections without requests (apache-kafka-configurations, "connections.max.idle.ms").
	idleTimeout = 240 * time.Second
	// leastSession and longestSession bound the session timeout of group members
	// (apache-kafka-configurations, "session.timeout.ms").
	leastSession, longestSession = 6 * time.Second, 300 * time.Second
)

// versions is the range of versions that the service answers to, by API key. Recorded by a user of
// a namespace of tier Standard (github.com/aio-libs/aiokafka/issues/945, 2023); there are no
// transactions (24 to 28), no ACLs, no alteration of topics but partitions.
var versions = map[int16][2]int16{
	0: {3, 7}, 1: {4, 6}, 2: {0, 7}, 3: {0, 5}, 8: {0, 8}, 9: {0, 8}, 10: {0, 4}, 11: {0, 7}, 12: {0, 4},
	13: {0, 4}, 14: {0, 5},
	15: {0, 5}, 16: {0, 4}, 17: {0, 1}, 18: {0, 3}, 19: {0, 6}, 20: {0, 2}, 22: {0, 1}, 23: {0, 0}, 32: {0, 2}, 36: {0, 1},
	37: {0, 1}, 42: {0, 0},
}

// transactional are the API keys that the tiers with transactions have besides, with versions from
// before KIP-890. What the service really offers there is not recorded in public.
var transactional = map[int16][2]int16{24: {0, 1}, 25: {0, 1}, 26: {0, 1}, 28: {0, 2}}

// epochs are the versions that tell epochs. Requests say none, since their epochs would not be
// those of the broker behind.
var epochs = map[int16][2]int16{2: {0, 3}, 3: {0, 8}, 23: {0, 3}}

// topicManagement are the API keys that make and delete topics and add partitions.
var topicManagement = []int16{19, 20, 37}

func (n *Namespace) versions(key int16) (least, most int16, known bool) {
	if n.config.WithoutAdmin && slices.Contains(topicManagement, key) {
		return 0, 0, false
	}
	return n.config.Tier.versions(key)
}

func (t Tier) versions(key int16) (least, most int16, known bool) {
	v, known := versions[key]
	if e, differ := epochs[key]; differ && t.Epochs {
		v = e
	}
	if !known && t.Transactions {
		v, known = transactional[key]
	}
	return v[0], v[1], known
}
