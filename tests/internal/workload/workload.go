// Package workload changes a table the way applications do, at random from a seed: several writers
// at once, transactions of one to some thousands of changes, updates, deletes, changed keys, rollbacks
// and savepoints that are rolled back. Every version of a row is different from all others (column
// version is drawn from a sequence), so that each change has an identity.
package workload

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/calypso-cdc/calypso/libs/verify"
)

// Table is what the workload changes.
const Table = "shop.ledger"

const setup = `
create schema if not exists shop;
create sequence if not exists shop.versions;
create table if not exists shop.ledger (
  id bigint primary key, account int not null, version bigint not null default nextval('shop.versions'), note text);`

// Config says what to do to the table.
type Config struct {
	// URL of the database, as a role that may do everything.
	URL string
	// Seed of all random choices. The same seed gives the same transactions in each writer; how
	// writers interleave is up to the machine.
	Seed uint64
	// Writers is how many connections write at once; 1 if 0.
	Writers int
	// Pause is the mean time between a writer's transactions; none if 0.
	Pause time.Duration
	// MaxChanges is the most changes of the occasional long transaction; 2000 if 0.
	MaxChanges int
}

// Workload writes until it is stopped. Make it with Setup.
type Workload struct {
	cfg       Config
	committed atomic.Int64
}

// Setup makes the table, and the witness that notes what is committed in it.
func Setup(ctx context.Context, cfg Config) (*Workload, error) {
	if cfg.Writers == 0 {
		cfg.Writers = 1
	}
	if cfg.MaxChanges == 0 {
		cfg.MaxChanges = 2000
	}
	conn, err := pgx.Connect(ctx, cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("connect to make the workload's table: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.PgConn().Exec(ctx, setup).ReadAll(); err != nil {
		return nil, fmt.Errorf("make table %s: %w", Table, err)
	}
	return &Workload{cfg: cfg}, verify.Watch(ctx, conn, Table)
}

// Committed is how many transactions were committed so far.
func (w *Workload) Committed() int64 { return w.committed.Load() }

// Run writes until ctx ends. What the database refuses or cuts short is not tried again: the witness knows what was
// committed, and nothing is committed after Run has returned. It returns an error only if it could not reach the
// database for a minute.
func (w *Workload) Run(ctx context.Context) error {
	group, writing := errgroup.WithContext(ctx)
	for i := range w.cfg.Writers {
		group.Go(func() error { return w.write(writing, uint64(i)) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return w.settle(context.WithoutCancel(ctx))
}

// settle waits until the server has ended the transactions that were cut short, one of which may be
// committing.
func (w *Workload) settle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		err := w.lock(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the last transactions to end: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// lock has the table's lock for a moment, which it gets when nobody writes.
func (w *Workload) lock(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, w.cfg.URL)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.PgConn().Exec(ctx, "BEGIN; LOCK TABLE "+Table+" IN SHARE MODE; COMMIT").ReadAll()
	return err
}

// writer is one connection's random source and the keys that are its own, so that writers never wait for each other.
type writer struct {
	of     *Workload
	random *rand.Rand
	conn   *pgx.Conn
	// first and last bound the ids that the writer uses.
	first, last int64
}

func (w *Workload) write(ctx context.Context, number uint64) error {
	const keys = 500
	wr := &writer{of: w, random: rand.New(rand.NewPCG(w.cfg.Seed, number)), first: int64(number) * 1_000_000}
	wr.last = wr.first + keys
	defer func() {
		if wr.conn != nil {
			wr.conn.Close(context.WithoutCancel(ctx))
		}
	}()
	lastGood := time.Now()
	for ctx.Err() == nil {
		err := wr.transaction(ctx)
		if err == nil {
			lastGood = time.Now()
			w.committed.Add(1)
		} else if ctx.Err() == nil && !errors.Is(err, errRolledBack) {
			if time.Since(lastGood) > time.Minute {
				return fmt.Errorf("writer %d cannot write: %w", number, err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if w.cfg.Pause > 0 {
			pause := time.Duration(wr.random.ExpFloat64() * float64(w.cfg.Pause))
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
		}
	}
	return nil
}

// errRolledBack says that the transaction was rolled back on purpose.
var errRolledBack = errors.New("rolled back on purpose")

// transaction runs one transaction of random changes.
func (w *writer) transaction(ctx context.Context) error {
	if w.conn == nil || w.conn.IsClosed() {
		conn, err := pgx.Connect(ctx, w.of.cfg.URL)
		if err != nil {
			return fmt.Errorf("connect: %w", err)
		}
		w.conn = conn
	}
	return pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		if w.random.IntN(100) == 0 { // a long one, by one statement, so that many changes share an LSN's neighbourhood
			n := 1 + w.random.IntN(w.of.cfg.MaxChanges)
			from := w.first + 1000 + w.random.Int64N(100_000)
			_, err := tx.Exec(ctx,
				`insert into shop.ledger (id, account, note) select i, i % 7, repeat('x', 50) from generate_series($1::bigint, $2) i
				on conflict (id) do update set version = nextval('shop.versions')`, from, from+int64(n))
			return err
		}
		for range 1 + w.random.IntN(10) {
			if err := w.change(ctx, tx); err != nil {
				return err
			}
			if w.random.IntN(10) == 0 {
				if err := w.savepoint(ctx, tx); err != nil {
					return err
				}
			}
		}
		if w.random.IntN(8) == 0 {
			return errRolledBack
		}
		return nil
	})
}

// savepoint makes some changes and takes them back.
func (w *writer) savepoint(ctx context.Context, tx pgx.Tx) error {
	err := pgx.BeginFunc(ctx, tx, func(tx pgx.Tx) error {
		for range 1 + w.random.IntN(3) {
			if err := w.change(ctx, tx); err != nil {
				return err
			}
		}
		return errRolledBack
	})
	if errors.Is(err, errRolledBack) {
		return nil
	}
	return err
}

// change makes one random change to one random key.
func (w *writer) change(ctx context.Context, tx pgx.Tx) error {
	id := w.first + w.random.Int64N(w.last-w.first)
	var err error
	switch kind := w.random.IntN(20); {
	case kind < 11: // insert, or update if it is there
		_, err = tx.Exec(ctx, `insert into shop.ledger (id, account, note) values ($1, $2, $3)
			on conflict (id) do update set account = excluded.account, note = excluded.note, version = nextval('shop.versions')`,
			id, w.random.IntN(100), w.note())
	case kind < 15:
		_, err = tx.Exec(ctx,
			"update shop.ledger set account = account + 1, version = nextval('shop.versions') where id = $1", id)
	case kind < 19:
		_, err = tx.Exec(ctx, "delete from shop.ledger where id = $1", id)
	default: // change the key, unless the new one is taken
		_, err = tx.Exec(ctx, `update shop.ledger set id = $2, version = nextval('shop.versions') where id = $1
			and not exists (select 1 from shop.ledger where id = $2)`, id, w.first+w.random.Int64N(w.last-w.first))
	}
	return err
}

// note is sometimes null, sometimes long, never so long that it is stored out of line: PostgreSQL
// then leaves it out of an update that does not change it, and the row in the topic is not the row
// in the table by design.
func (w *writer) note() *string {
	var text string
	switch w.random.IntN(10) {
	case 0:
		return nil
	case 1:
		b := make([]byte, 1500)
		for i := range b {
			b[i] = 'a' + byte(w.random.IntN(26))
		}
		text = string(b)
	default:
		text = fmt.Sprintf("note %d, “quoted” & <tagged>", w.random.IntN(1000))
	}
	return &text
}
