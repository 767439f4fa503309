package engine

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"github.com/duckdb/duckdb-go/v2"

	"github.com/calypso-cdc/calypso/services/localadx/engine/geo"
	"github.com/calypso-cdc/calypso/services/localadx/kql/scalar"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Register adds the scalar functions that plans call to the database behind conn; together they
// take what memory allows. Call it once a database instance.
func Register(conn *sql.Conn, memory *Memory) error {
	if err := registerRunNumber(conn); err != nil {
		return err
	}
	external := geo.Functions()
	for _, f := range scalar.Functions() {
		if f.Eval == nil && f.Long == nil {
			f.Eval = external[f.Name]
		}
		if f.Eval == nil && f.Long == nil {
			return fmt.Errorf("register function %s: it has no implementation", f.Name)
		}
		udf, err := newFunction(f, memory)
		if err != nil {
			return fmt.Errorf("define function %s: %w", f.Name, err)
		}
		if err := duckdb.RegisterScalarUDF(conn, f.SQLName(), udf); err != nil {
			return fmt.Errorf("register function %s: %w", f.SQLName(), err)
		}
	}
	return nil
}

// function makes a Go function one of DuckDB. Arguments are of any type and number: the compiler has checked them.
type function struct {
	of     scalar.Function
	memory *Memory
	config duckdb.ScalarFuncConfig
}

// resultTypes are the DuckDB types functions return, by Kusto type; int, guid and decimal are cast by the plan.
var resultTypes = map[value.Type]duckdb.Type{
	value.Bool: duckdb.TYPE_BOOLEAN, value.Int: duckdb.TYPE_BIGINT, value.Long: duckdb.TYPE_BIGINT,
	value.Real:    duckdb.TYPE_DOUBLE,
	value.Decimal: duckdb.TYPE_VARCHAR, value.String: duckdb.TYPE_VARCHAR, value.Datetime: duckdb.TYPE_BIGINT,
	value.Timespan: duckdb.TYPE_BIGINT,
	value.GUID:     duckdb.TYPE_VARCHAR, value.Dynamic: duckdb.TYPE_VARCHAR,
}

func newFunction(f scalar.Function, memory *Memory) (*function, error) {
	result, err := duckdb.NewTypeInfo(resultTypes[f.Result])
	if err != nil {
		return nil, err
	}
	anything, err := duckdb.NewTypeInfo(duckdb.TYPE_ANY)
	if err != nil {
		return nil, err
	}
	return &function{of: f, memory: memory, config: duckdb.ScalarFuncConfig{ResultTypeInfo: result,
		VariadicTypeInfo: anything, SpecialNullHandling: true}}, nil
}

// panicked marks the error that a panic of a function becomes.
const panicked = "internal error: "

// Config implements duckdb.ScalarFunc.
func (f *function) Config() duckdb.ScalarFuncConfig { return f.config }

// Executor implements duckdb.ScalarFunc. It is asked for again for each chunk of rows, whose results
// are kept until the last is there.
func (f *function) Executor() duckdb.ScalarFuncExecutor {
	var results int64
	var run context.Context
	return duckdb.ScalarFuncExecutor{RowExecutor: func(args []driver.Value) (any, error) {
		// The first argument is the number of the query, which is the same in all rows.
		if run == nil {
			number, _ := args[0].(int64)
			run = runContext(number)
		}
		result, err := f.call(run, args[1:])
		if text, ok := result.(string); ok {
			if results += int64(len(text)); !f.memory.fits(results) {
				return nil, fmt.Errorf("%s(): %w", f.of.Signature.Name, errMemory)
			}
		}
		return result, err
	}}
}

// call decodes the arguments, calls the Go function and encodes its result. A panic becomes an error: it must not cross
// into the database.
func (f *function) call(run context.Context, args []driver.Value) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = nil, fmt.Errorf("%s(): %s%v", f.of.Signature.Name, panicked, r)
		}
	}()
	ended := func() bool { return run.Err() != nil }
	if ended() {
		return nil, fmt.Errorf("%s(): %w", f.of.Signature.Name, errEnded)
	}
	size := 0
	for _, a := range args {
		if text, ok := a.(string); ok {
			size += len(text)
		}
	}
	if err := f.memory.reserve(size); err != nil {
		return nil, fmt.Errorf("%s(): %w", f.of.Signature.Name, err)
	}
	defer f.memory.release(size)
	in := make([]any, len(args))
	for i, a := range args {
		v, err := f.argument(i, a)
		if err != nil {
			return nil, fmt.Errorf("%s(): %w", f.of.Signature.Name, err)
		}
		if v == nil && !f.of.Nulls {
			return f.null(), nil
		}
		in[i] = v
	}
	out := f.of.Call(ended, in)
	if ended() {
		return nil, fmt.Errorf("%s(): %w", f.of.Signature.Name, errEnded)
	}
	switch v := out.(type) {
	case nil:
		return f.null(), nil
	case error:
		return nil, fmt.Errorf("%s(): %w", f.of.Signature.Name, v)
	}
	if f.of.Signature.Result == value.Dynamic {
		return value.EncodeDynamic(out), nil
	}
	return out, nil
}

// null is the result of the function for null: a string is never null.
func (f *function) null() any {
	if f.of.Signature.Result == value.String {
		return ""
	}
	return nil
}

func (f *function) argument(i int, a driver.Value) (any, error) {
	p, _ := f.of.Signature.Param(i)
	switch v := a.(type) {
	case nil:
		if p.Kind == scalar.Elements {
			return []any{}, nil
		}
		return nil, nil
	case int32:
		return int64(v), nil
	case string:
		switch {
		case p.Kind == scalar.Elements:
			return value.DecodeDynamic("[" + v + "]")
		case p.Type == value.Dynamic:
			return value.DecodeDynamic(v)
		}
	}
	return a, nil
}
