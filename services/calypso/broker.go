package calypso

import (
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

// broker is a Kafka broker inside this process: franz-go's kfake with its data on disk. It has transactions, consumer
// groups and compacted topics; it is for one machine and a first run, not for production.
type broker struct {
	cluster *kfake.Cluster
	address string
}

// startBroker serves Kafka at 127.0.0.1:port with what dir holds from the last time.
func startBroker(dir string, port int) (*broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the broker's data directory: %w", err)
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
		return nil, fmt.Errorf("starting the embedded Kafka broker with the data in %s: %w", dir, err)
	}
	return &broker{cluster: cluster, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, nil
}

// stop writes what is not yet on disk and closes the connections of clients.
func (b *broker) stop() { b.cluster.Close() }
