package calypso

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/calypso-cdc/calypso/services/localadx/disk"
)

// brokerReserve is how many bytes of the broker's disk records leave free: what ends transactions
// and notes offsets is written still.
const brokerReserve = 64 << 20

// broker is a Kafka broker inside this process: franz-go's kfake with its data on disk. It has transactions, consumer
// groups and compacted topics; it is for one machine and a first run, not for production.
type broker struct {
	cluster *kfake.Cluster
	address string
}

// startBroker serves Kafka at 127.0.0.1:port with what dir holds from the last time. With less than
// reserve bytes left on the disk it takes no records and says what a broker of Kafka's does then,
// upon which clients try again; by itself kfake would say that nobody knows why.
func startBroker(dir string, port int, reserve int64) (*broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the broker's data directory: %w", err)
	}
	cluster, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(port),
		kfake.ClusterID("calypso"),
		kfake.DataDir(dir),
		kfake.DefaultNumPartitions(1),
		kfake.AllowAutoTopicCreation(),
		kfake.MaxVersions(brokerVersions()),
	)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka broker with the data in %s: %w", dir, err)
	}
	cluster.ControlKey(kmsg.ListGroups.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		types := req.(*kmsg.ListGroupsRequest).TypesFilter
		for i := range types {
			types[i] = strings.ToLower(types[i]) // Java's clients ask for "Consumer", which kfake would not find
		}
		return nil, nil, false
	})
	guard := disk.NewGuard(dir, reserve)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1,
		When: func(kmsg.Request) bool { return guard.Check() != nil }})
	return &broker{cluster: cluster, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

// brokerVersions are the requests that the broker offers: those of Kafka 4.3, without two answers of
// kfake's that Java's clients cannot read. The answer to CreateTopics from version 5 on says of each
// setting that its source is -1, and DescribeTopicPartitions gives no lists of eligible leaders. To a
// broker that does not offer them Java's clients send what they sent before there were these two.
func brokerVersions() *kversion.Versions {
	versions := kversion.V4_3_0()
	versions.SetMaxKeyVersion(kmsg.CreateTopics.Int16(), 4)
	versions.SetMaxKeyVersion(kmsg.DescribeTopicPartitions.Int16(), -1)
	return versions
}

// stop writes what is not yet on disk and closes the connections of clients.
func (b *broker) stop() { b.cluster.Close() }
