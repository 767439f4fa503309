package ctl

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
)

// transactionsCommand shows and rolls back transactions that no broker ends.
func transactionsCommand(s *session) *cobra.Command {
	root := &cobra.Command{Use: "transactions",
		Short: "List or roll back Kafka transactions that hang: open in a partition, and known to no coordinator"}
	var topics []string
	list := &cobra.Command{
		Use: "list", Short: "Show transactions that hang in the topics of Calypso and its connectors", Args: exactly(0),
		Long: "Show transactions that hang in the topics of Calypso and its connectors.\n\n" +
			"Readers of committed records see nothing of a partition from SINCE OFFSET on until the transaction is\n" +
			"rolled back: calypsoctl transactions abort TOPIC PARTITION --producer PRODUCER. That is refused before\n" +
			"TO BE ABORTED FROM, as a coordinator may still know the transaction and end it. One that was written to\n" +
			"in the last minute is not shown.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := s.connectors().ListHangingTransactions(cmd.Context(),
				&connectorv1.ListHangingTransactionsRequest{Topics: topics})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) {
				if len(r.Transactions) == 0 {
					t.row("No transaction hangs.")
					return
				}
				t.row("TOPIC", "PARTITION", "PRODUCER", "SINCE OFFSET", "LAST WRITTEN TO", "TO BE ABORTED FROM")
				for _, h := range r.Transactions {
					t.row(h.Topic, h.Partition, h.ProducerId, h.StartOffset, moment(h.LastWriteTime), moment(h.AbortableTime))
				}
			})
		},
	}
	list.Flags().StringArrayVar(&topics, "topic", nil, "look at this topic instead; may be given more than once")
	var producer int64
	abort := &cobra.Command{
		Use:   "abort TOPIC PARTITION --producer ID",
		Short: "Roll back a transaction, if it still hangs: readers of committed records will never see its records", Args: exactly(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			partition, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil || partition < 0 {
				return fmt.Errorf("%w: %q is not a partition", errUsage, args[1])
			}
			r, err := s.connectors().AbortHangingTransaction(cmd.Context(),
				&connectorv1.AbortHangingTransactionRequest{Topic: args[0], Partition: int32(partition), ProducerId: producer})
			if err != nil {
				return err
			}
			return s.show(r, func(t *table) {
				t.row(fmt.Sprintf("The transaction of producer %d in partition %d of %s is rolled back.", producer,
					partition, args[0]))
			})
		},
	}
	abort.Flags().Int64Var(&producer, "producer", 0, "id of the transaction's producer, as list shows it")
	_ = abort.MarkFlagRequired("producer") // the flag is there
	root.AddCommand(list, abort)
	return root
}
