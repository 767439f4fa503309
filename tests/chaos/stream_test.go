package chaos

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
)

// stream is a table's topic under the eyes of the validators.
type stream struct {
	// table is schema.table.
	table        string
	reader       *verify.TopicReader
	identity     *verify.Identity
	transactions *verify.Transactions
	fingerprint  *verify.Fingerprint
	validators   verify.Validators
	// live are those that need not know what was committed: what they find cannot be right whatever comes later.
	live verify.Validators
}

// newStream watches a topic from its beginning.
func newStream(brokers, table string, promise verify.Promise, images verify.Images) *stream {
	s := &stream{table: table, reader: verify.NewTopicReader(brokers, topicPrefix+table),
		identity: verify.NewIdentity(promise), transactions: verify.NewTransactions(),
		fingerprint: verify.NewFingerprint(columns...)}
	s.live = verify.Validators{verify.NewOrder(), verify.NewChain(promise.Start, images)}
	s.validators = append(verify.Validators{s.identity, s.transactions, s.fingerprint}, s.live...)
	return s
}

// read tells the validators what is new in the topic.
func (s *stream) read(ctx context.Context) error { return s.reader.Read(ctx, s.validators.Note) }

// settle waits until all that was committed in the table is in the topic, and demands that every promise was kept and
// that the table rebuilt from the topic is the table. running says what may be wrong with the connector.
func (s *stream) settle(t *testing.T, conn *pgx.Conn, running func(context.Context) error) {
	t.Helper()
	committed, err := verify.History(t.Context(), conn, s.table)
	if err != nil {
		t.Fatal(err)
	}
	s.identity.Expect(committed...)
	s.transactions.Expect(committed...)
	testenv.Eventually(t, 2*time.Minute, "every change of "+s.table+" to arrive", func(ctx context.Context) error {
		if err := s.read(ctx); err != nil {
			return err
		}
		if report := s.identity.Report(); len(report.Lost) > 0 {
			return errors.Join(report.Err(), running(ctx))
		}
		return nil
	})
	// What would come too often may come late.
	time.Sleep(time.Second)
	if err := s.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %v", s.table, s.identity.Report())
	if err := verify.Err(s.validators); err != nil {
		t.Errorf("%s: %v", s.table, err)
	}
	current, err := verify.Current(t.Context(), conn, s.table)
	if err != nil {
		t.Fatal(err)
	}
	// A column that is added, renamed or dropped changes rows for which there is no event.
	if err := verify.State(verify.Only(current, columns...), verify.Only(s.identity.Seen(), columns...)).Err(); err != nil {
		t.Errorf("%s rebuilt from the topic: %v", s.table, err)
	}
}
