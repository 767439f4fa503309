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

// brokerReserve is how many bytes records must leave free on the broker's disk: ends of
// transactions and offsets are still written.
const brokerReserve = 64 << 20

// broker is a Kafka broker inside this process: franz-go's kfake with its data on disk. It has transactions, consumer
// groups and compacted topics; it is for one machine and a first run, not for production.
type broker struct {
	cluster *kfake.Cluster
	address string
}

// startBroker serves Kafka at 127.0.0.1:port with the data in dir from earlier runs. With less than
// reserve bytes left on the disk it accepts no records and answers as Apache Kafka would, so that
// clients try again; kfake itself would answer with an unknown error.
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
			types[i] = strings.ToLower(types[i]) // Java clients ask for "Consumer", which kfake would not find
		}
		return nil, nil, false
	})
	guard := disk.NewGuard(dir, reserve)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1,
		When: func(kmsg.Request) bool { return guard.Check() != nil }})
	return &broker{cluster: cluster, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

// brokerVersions are the requests that the broker offers: those of Kafka 4.3 without two whose
// answers by kfake Java clients cannot read. From version 5 on CreateTopics answers with -1 as the
// source of each setting, and DescribeTopicPartitions has no lists of eligible leaders. If a broker
// does not offer these, Java clients send older requests.
func brokerVersions() *kversion.Versions {
	versions := kversion.V4_3_0()
	versions.SetMaxKeyVersion(kmsg.CreateTopics.Int16(), 4)
	versions.SetMaxKeyVersion(kmsg.DescribeTopicPartitions.Int16(), -1)
	return versions
}

// stop writes everything to disk and closes the clients' connections.
func (b *broker) stop() { b.cluster.Close() }
