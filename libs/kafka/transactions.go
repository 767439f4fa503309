package kafka

import (
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Transactions reports whether a broker has transactions, by the requests that it knows:
// InitProducerId alone, which Event Hubs' tier Standard knows too, only allows idempotent
// producers.
func Transactions(broker kadm.BrokerApiVersions) bool {
	for _, needed := range []kmsg.Key{kmsg.InitProducerID, kmsg.AddPartitionsToTxn, kmsg.EndTxn} {
		if _, known := broker.KeyMaxVersion(needed.Int16()); !known {
			return false
		}
	}
	return true
}
