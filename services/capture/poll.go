package capture

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/calypso-cdc/calypso/libs/change"
	"github.com/calypso-cdc/calypso/libs/connector"
	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/transform"
	"github.com/calypso-cdc/calypso/services/capture/internal/retry"
)

// PollingClass is the connector class that polls tables or a query, for databases without logical replication: Confluent's
// JDBC source connector, whose keys, records and offsets it has.
const PollingClass = "io.confluent.connect.jdbc.JdbcSourceConnector"

func pollingPlugin(o Options, m *meters) (connector.Plugin, error) {
	keys, err := newPollingCatalogue()
	if err != nil {
		return connector.Plugin{}, fmt.Errorf("declare the keys of polling connectors: %w", err)
	}
	return connector.Plugin{
		Class:     PollingClass,
		Aliases:   []string{"JdbcSourceConnector", "JdbcSource", "calypso.capture.PollingConnector"},
		Type:      connector.Source,
		Version:   change.CompatibleVersion,
		Catalogue: keys,
		Tasks: func(v catalogue.Values) (int, error) {
			_, err := parsePollSettings(v)
			return 1, err
		},
		Check: checkPolling,
		NewTask: func(env connector.TaskEnv, v catalogue.Values) (connector.Task, error) {
			s, err := parsePollSettings(v)
			if err != nil {
				return nil, err
			}
			t := &poller{poll: s}
			if t.key, t.value, t.transforms, err = convertersFrom(v.Raw()); err != nil {
				return nil, err
			}
			t.task = newPlainTask(env, s.settings, m, o)
			t.task.work = t.session
			return t, nil
		},
	}, nil
}

// poller is a task that asks for rows again and again. Each table, or the query, is a source with an offset of its own: the
// last row delivered, written in the same Kafka transaction as the rows.
type poller struct {
	*task
	poll       *pollSettings
	key, value converter
	transforms *transform.Chain
}

// pollSession is one attempt: from connecting to the first failure.
type pollSession struct {
	*poller
	conn     *pgx.Conn
	producer *producer
	writer   *change.Writer
	offsets  map[string][]byte // as they were at the start, by canonical partition
	sources  map[string]*pollSource
}

func (p *poller) session(ctx context.Context) error {
	s := &pollSession{poller: p, writer: change.NewWriter(p.key, p.value, p.transforms), sources: make(map[string]*pollSource)}
	defer s.close()
	p.board.connecting()
	var err error
	if s.conn, err = p.settings.connection.Connect(ctx); err != nil {
		return err
	}
	if s.producer, err = newProducer(ctx, p.task); err != nil {
		return err
	}
	if s.offsets, err = p.env.Offsets(ctx); err != nil {
		return fmt.Errorf("read the connector's offsets: %w", err)
	}
	var found time.Time
	for {
		if time.Since(found) >= p.poll.tableInterval {
			if err := s.find(ctx); err != nil {
				return err
			}
			found = time.Now()
			p.board.idle(fmt.Sprintf("Polling %s.", p.poll.subject(len(s.sources))))
			p.env.Retrying(nil)
		}
		next := time.Now().Add(p.poll.tableInterval)
		for _, source := range s.inOrder() {
			if time.Until(source.due) <= 0 {
				if err := s.pollOnce(ctx, source); err != nil {
					return fmt.Errorf("poll %s: %w", source.name, err)
				}
				source.due = time.Now().Add(p.poll.interval)
			}
			if source.due.Before(next) {
				next = source.due
			}
		}
		if !retry.Sleep(ctx, max(time.Until(next), time.Millisecond)) {
			return nil
		}
	}
}

func (s *pollSession) close() { disconnect(s.conn, s.producer) }

// find finds the tables to poll, also those that were created since. What is gone is polled no more.
func (s *pollSession) find(ctx context.Context) error {
	if s.poll.query != "" {
		if s.sources[""] == nil {
			return s.add(pgrepl.Table{})
		}
		return nil
	}
	found, err := pgrepl.NewCatalog(ctx, s.conn.Query, s.poll.wanted).Find(s.poll.wanted)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		s.env.Logger.Warn("No table matches the filters; they are looked for again later", "in", s.poll.tableInterval)
	}
	exists := make(map[string]bool)
	for _, t := range found {
		if t.Partition { // its rows are its root's
			continue
		}
		exists[t.String()] = true
		if s.sources[t.String()] == nil {
			if err := s.add(t.Table); err != nil {
				return err
			}
		}
	}
	for name := range s.sources {
		if !exists[name] {
			s.env.Logger.Warn("A polled table is gone", "table", name)
			delete(s.sources, name)
		}
	}
	return nil
}

// add begins to poll a table, or the query, after its last offset.
func (s *pollSession) add(t pgrepl.Table) error {
	source, err := newPollSource(s.poll, t, s.env.Connector, s.offsets)
	if err == nil {
		s.sources[source.id()] = source
	}
	return err
}

// pollOnce reads the rows that are new since the last offset and delivers them.
func (s *pollSession) pollOnce(ctx context.Context, source *pollSource) error {
	if err := source.describe(ctx, s.conn); err != nil {
		return err
	}
	var until time.Time
	if source.mode.timestamps() {
		// Rows that are written while the query runs have this time or a later one: they are the next poll's.
		if err := s.conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&until); err != nil {
			return fmt.Errorf("ask for the server's time: %w", err)
		}
		until = until.Add(-s.poll.delay)
	}
	d := &pollDelivery{pollSession: s, ctx: ctx, source: source, offset: source.offset}
	if _, err := s.conn.PgConn().CopyTo(ctx, d, source.copyQuery(until)); err != nil {
		return err
	}
	return d.finish()
}

// pollDelivery takes the rows of one poll from COPY, which waits while they are written: memory holds one batch.
type pollDelivery struct {
	*pollSession
	ctx    context.Context
	source *pollSource
	b      batch
	row    change.Tuple
	// offset is that of the last row in the batch.
	offset pollOffset
}

// Write takes one row.
func (d *pollDelivery) Write(line []byte) (int, error) {
	row, err := pgrepl.SplitCopyRow(d.row[:0], line)
	if err != nil {
		return 0, err
	}
	d.row = row
	after, err := d.source.offsetOf(row)
	if err != nil {
		return 0, err
	}
	if len(d.b.Records) >= d.settings.delivery.BatchEvents || d.b.Size >= d.settings.delivery.BatchBytes {
		if err := d.deliver(d.source.mode != pollBulk && !d.source.resumable(d.offset, after)); err != nil {
			return 0, err
		}
	}
	r, err := d.source.record(row)
	if err != nil {
		return 0, retry.Permanent("%w", err)
	}
	if err := d.writer.Append(&d.b.Batch, r); err != nil {
		return 0, retry.Permanent("%w", err)
	}
	d.offset = after
	return len(line), nil
}

// deliver writes the batch and the offset after it. Where polling could not go on after that offset, since a row with the
// same one follows, the Kafka transaction stays open for it, and the offset stays the last that is safe.
func (d *pollDelivery) deliver(open bool) error {
	offset := d.offset
	if open {
		offset = d.source.offset
	}
	if err := d.producer.Write(d.ctx, d.b.Records, d.source.offsetKey, offset.json(d.source.mode)); err != nil {
		return err
	}
	n := len(d.b.Records)
	d.b.reset()
	if open {
		return nil
	}
	if err := d.producer.Commit(d.ctx); err != nil {
		return err
	}
	d.source.offset = offset
	d.board.polled(n, d.producer.Transactional())
	d.producer.Settle(d.ctx)
	return nil
}

// finish delivers what is left.
func (d *pollDelivery) finish() error {
	if len(d.b.Records) == 0 && d.producer.Durable() {
		return nil
	}
	return d.deliver(false)
}

// checkPolling looks at the source of a polling connector without changing anything.
func checkPolling(ctx context.Context, v catalogue.Values) []connector.Check {
	s, err := parsePollSettings(v)
	if err != nil {
		return []connector.Check{finding("configuration", "", err)}
	}
	conn, err := s.settings.connection.Connect(ctx)
	if err != nil {
		return []connector.Check{finding("connection", "", err)}
	}
	defer conn.Close(context.WithoutCancel(ctx))
	out := []connector.Check{finding("connection", "connected to "+s.settings.connection.Addresses(), nil)}
	tables := []pgrepl.Table{{}}
	if s.query == "" {
		found, err := pgrepl.NewCatalog(ctx, conn.Query, s.wanted).Find(s.wanted)
		if err == nil && len(found) == 0 {
			err = &pgrepl.Error{Reason: pgrepl.ReasonTableMissing, Op: "find the tables to poll", Err: errors.New("no table matches the filters"), Remedy: "Create the table, or correct table.whitelist."}
		}
		out = append(out, finding("tables", fmt.Sprintf("%d tables match the filters", len(found)), err))
		tables = tables[:0]
		for _, t := range found {
			tables = append(tables, t.Table)
		}
	}
	for _, t := range tables {
		source, err := newPollSource(s, t, v.String("name"), nil)
		if err == nil {
			err = source.describe(ctx, conn)
		}
		if err != nil {
			return append(out, finding("columns", "", err))
		}
	}
	return append(out, finding("columns", "the columns to poll by are there", nil))
}
