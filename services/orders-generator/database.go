package ordersgenerator

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/telemetry"
)

const table = "retail.orders_info"

// purchaseTime is the layout of the column purchase_time, which is text in UTC.
const purchaseTime = "2006-01-02 15:04:05"

// database writes changes. Safe for concurrent use.
type database struct {
	pool   *pgxpool.Pool
	tracer trace.Tracer
	name   string
}

func openDatabase(ctx context.Context, cfg Config, tracer trace.Tracer) (*database, error) {
	poolConfig, err := cfg.pool()
	if err != nil {
		return nil, err
	}
	poolConfig.AfterConnect = pgrepl.CatalogFirst
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, fmt.Errorf("open the pool of connections to PostgreSQL at %s: %w", cfg.address(), err)
	}
	return &database{pool: pool, tracer: tracer, name: cfg.Database}, nil
}

// ready makes the table if asked, and returns an error while orders cannot be written.
func (d *database) ready(ctx context.Context, createTable bool) error {
	if createTable {
		// One simple-protocol call, hence one transaction.
		if _, err := d.pool.Exec(ctx, orders.SQL, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("create table %s: %w", table, err)
		}
	}
	var exists bool
	if err := d.pool.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&exists); err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	if !exists {
		return fmt.Errorf("table %s does not exist: create it with examples/orders/orders.sql, or start with --create-table",
			table)
	}
	return nil
}

// write commits c as one transaction and returns the ids of its new orders.
//
// Everything goes to the server in one message: without an explicit BEGIN the statements of a pipeline up to its Sync
// are one transaction (PostgreSQL manual, Extended Query Pipelining). If the span is sampled its traceparent goes first
// as a transactional logical message, so that capture meets it before the rows; if not, nothing is sent.
func (d *database) write(ctx context.Context, c *changes, now time.Time) (ids []int32, err error) {
	ctx, span := d.tracer.Start(ctx, c.verb()+" "+table, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", "postgresql"),
		attribute.String("db.namespace", d.name),
		attribute.String("db.collection.name", table),
		attribute.String("db.operation.name", c.verb()),
		attribute.Int("db.operation.batch.size", c.len())))
	defer func() {
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End()
	}()

	batch := &pgx.Batch{}
	if traceparent := telemetry.Traceparent(ctx); traceparent != "" {
		batch.Queue("SELECT pg_logical_emit_message(true, $1::text, $2::text)", telemetry.TraceparentKey, traceparent)
	}
	if len(c.customers) > 0 {
		batch.Queue(`INSERT INTO retail.orders_info (custid, amount, city, purchase_time)
			SELECT o.custid, o.amount, o.city, $4 FROM unnest($1::int[], $2::int[], $3::text[]) AS o (custid, amount, city)
			RETURNING orderid`, c.customers, c.amounts, c.cities, now.UTC().Format(purchaseTime),
		).Query(func(rows pgx.Rows) error {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[int32])
			return err
		})
	}
	for _, u := range c.updates {
		batch.Queue("UPDATE retail.orders_info SET amount = $2 WHERE orderid = $1", u.order, u.amount)
	}
	if len(c.deletes) > 0 {
		batch.Queue("DELETE FROM retail.orders_info WHERE orderid = ANY($1::int[])", c.deletes)
	}
	if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("write %d changes to %s: %w", c.len(), table, err)
	}
	return ids, nil
}

// verb names a transaction by its first kind of change, as its span does.
func (c *changes) verb() string {
	switch {
	case len(c.customers) > 0:
		return "INSERT"
	case len(c.updates) > 0:
		return "UPDATE"
	}
	return "DELETE"
}

func (d *database) close() { d.pool.Close() }
