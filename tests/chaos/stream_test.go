package chaos

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
)

// stream is a table's topic, watched by the validators.
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

// await reads the topic until nothing that was committed is missing, for two minutes at most, and reports whether it is
// worth waiting longer: something is missing, and more came meanwhile. It fails the test where no more comes.
func (s *stream) await(t *testing.T, running func(context.Context) error) (more bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	first, looked := len(s.identity.Seen()), -1
	var missing error
	err := testenv.WaitFor(ctx, "every change of "+s.table, func(ctx context.Context) error {
		before := len(s.identity.Seen())
		if err := s.read(ctx); err != nil {
			return err
		}
		// With many changes it takes long to say what is missing, so it is said when no more come.
		came := len(s.identity.Seen())
		if came > before {
			return fmt.Errorf("%d changes came, of %d", came, s.identity.Expected())
		}
		if came != looked {
			looked, missing = came, nil
			if report := s.identity.Report(); len(report.Lost) > 0 {
				missing = report.Err()
			}
		}
		if missing != nil {
			return errors.Join(missing, running(ctx))
		}
		return nil
	})
	more = len(s.identity.Seen()) > first
	if err != nil && !more {
		t.Fatalf("no more comes: %v", err)
	}
	return err != nil && more
}

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
	for s.await(t, running) {
		t.Logf("%d changes of %s have come, of %d", len(s.identity.Seen()), s.table, s.identity.Expected())
	}
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
