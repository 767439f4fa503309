package calypso

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

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
	)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka broker with the data in %s: %w", dir, err)
	}
	guard := disk.NewGuard(dir, reserve)
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Err: kerr.KafkaStorageError, Count: -1,
		When: func(kmsg.Request) bool { return guard.Check() != nil }})
	return &broker{cluster: cluster, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

// stop writes what is not yet on disk and closes the connections of clients.
func (b *broker) stop() { b.cluster.Close() }
