package deliver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/calypso-cdc/calypso/services/capture/internal/deliver"
)

// A real broker does so for as long as it cannot write its mark to a partition of the transaction.
func TestATransactionThatTheBrokersDoNotEndIsToldAndNotWaitedForInSilence(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	cluster.ControlKey(kmsg.InitProducerID.Int16(), func(r kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		answer := r.ResponseKind().(*kmsg.InitProducerIDResponse)
		answer.ErrorCode = kerr.ConcurrentTransactions.Code
		return answer, nil, true
	})
	p, err := openWithin(t, time.Second, cluster.ListenAddrs()[0], deliver.Settings{})
	if err == nil {
		p.Close()
		t.Fatal("a producer was made beside a transaction that has not ended")
	}
	if !strings.Contains(err.Error(), "have not ended the connector's last transaction within 1s") {
		t.Error(err)
	}
}
