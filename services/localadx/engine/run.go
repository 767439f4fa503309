package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
)

// The database calls Go functions from threads of its own and does not tell for which query. So
// each query has a number, which the SQL function scalar.RunNumber gives and each call passes on;
// by it a function finds the query's context and sees that it has ended.

// runs are the queries of this process that run, by number. The database carries numbers, not pointers.
var runs struct {
	last     atomic.Int64
	contexts sync.Map // int64 → *run
}

// run is a query that runs.
type run struct {
	context.Context
	cancel context.CancelCauseFunc
	runKind
}

// runKind is what matters of a query when memory is short.
type runKind struct {
	// writes is set for a statement that changes a table: it is ended when no other query is left.
	writes bool
	// doubles is kql.Plan.Doubles.
	doubles bool
}

type runKey struct{}

// beginRun gives a query its number, once there is memory for it. It ends with ctx, and when end is
// called.
func beginRun(ctx context.Context, kind runKind) (_ context.Context, end func(), err error) {
	if err := awaitRoom(ctx); err != nil {
		return nil, nil, err
	}
	number := runs.last.Add(1)
	ctx, cancel := context.WithCancelCause(context.WithValue(ctx, runKey{}, number))
	runs.contexts.Store(number, &run{ctx, cancel, kind})
	return ctx, func() {
		cancel(nil)
		runs.contexts.Delete(number)
	}, nil
}

// endNewest ends the query that began last of those that have not been ended, of all or of those
// whose states double, and one that writes only if there is no other. It reports whether there was
// one.
func endNewest(cause error, doubling bool) bool {
	newest, last := int64(0), (*run)(nil)
	runs.contexts.Range(func(key, value any) bool {
		number, r := key.(int64), value.(*run)
		later := last == nil || number > newest
		if last != nil && r.writes != last.writes {
			later = last.writes
		}
		if later && r.Err() == nil && (r.doubles || !doubling) {
			newest, last = number, r
		}
		return true
	})
	if last == nil {
		return false
	}
	last.cancel(cause)
	return true
}

// errEnded is the error of a function whose query has ended; nobody reads it.
var errEnded = errors.New("the query has ended")

// runContext returns the context of a query by its number, which is 0 for statements that are none.
func runContext(number int64) context.Context {
	if number == 0 {
		return context.Background()
	}
	if r, ok := runs.contexts.Load(number); ok {
		return r.(*run)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	return ended
}

// registerRunNumber adds the function that gives the number. It is bound with the query's context
// and has no arguments, so that the optimizer computes it once.
func registerRunNumber(conn *sql.Conn) error {
	result, err := duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
	if err != nil {
		return err
	}
	if err := duckdb.RegisterScalarUDF(conn, scalar.RunNumber,
		runNumber{duckdb.ScalarFuncConfig{ResultTypeInfo: result}}); err != nil {
		return fmt.Errorf("register function %s: %w", scalar.RunNumber, err)
	}
	return nil
}

type runNumber struct{ config duckdb.ScalarFuncConfig }

// Config implements duckdb.ScalarFunc.
func (f runNumber) Config() duckdb.ScalarFuncConfig { return f.config }

// Executor implements duckdb.ScalarFunc. The binder is there for the driver to look the context up
// when the query is bound: without one it does so when the function is called, from several threads
// at once.
func (f runNumber) Executor() duckdb.ScalarFuncExecutor {
	return duckdb.ScalarFuncExecutor{
		ScalarBinder: func(ctx context.Context, _ []duckdb.ScalarUDFArg) (context.Context, error) { return ctx, nil },
		RowContextExecutor: func(ctx context.Context, _ []driver.Value) (any, error) {
			number, _ := ctx.Value(runKey{}).(int64)
			return number, nil
		},
	}
}
