package verify

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// witnessSQL makes the table of history and its trigger function. The sequence is drawn while the row is locked, so the
// order per key is the order of commits. to_jsonb writes whole numbers, text and booleans as Debezium's JSON does.
const witnessSQL = `
create schema if not exists witness;
create table if not exists witness.history (
  seq bigserial primary key, relation text not null, key jsonb, op char not null, row jsonb,
  transaction bigint not null default txid_current() % 4294967296);
create or replace function witness.note() returns trigger language plpgsql security definer as $$
declare
  old_key jsonb; new_key jsonb; relation text := TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME; column_name text;
begin
  if TG_OP = 'TRUNCATE' then
    insert into witness.history (relation, op) values (relation, 't');
    return null;
  end if;
  if TG_OP <> 'INSERT' then
    old_key := '{}';
    foreach column_name in array TG_ARGV loop old_key := old_key || jsonb_build_object(column_name, to_jsonb(OLD) -> column_name); end loop;
  end if;
  if TG_OP <> 'DELETE' then
    new_key := '{}';
    foreach column_name in array TG_ARGV loop new_key := new_key || jsonb_build_object(column_name, to_jsonb(NEW) -> column_name); end loop;
  end if;
  if TG_OP = 'INSERT' then
    insert into witness.history (relation, key, op, row) values (relation, new_key, 'c', to_jsonb(NEW));
  elsif TG_OP = 'DELETE' then
    insert into witness.history (relation, key, op) values (relation, old_key, 'd');
  elsif old_key = new_key then
    insert into witness.history (relation, key, op, row) values (relation, new_key, 'u', to_jsonb(NEW));
  else -- an update that changes the key is a delete of the old and a create of the new, as Debezium has it
    insert into witness.history (relation, key, op) values (relation, old_key, 'd');
    insert into witness.history (relation, key, op, row) values (relation, new_key, 'c', to_jsonb(NEW));
  end if;
  return null;
end $$;`

// Watch makes PostgreSQL note every change of the tables (schema.table, each with a primary key) from now on, in
// table witness.history, which the connector under test must not capture.
func Watch(ctx context.Context, conn *pgx.Conn, tables ...string) error {
	if _, err := conn.PgConn().Exec(ctx, witnessSQL).ReadAll(); err != nil {
		return fmt.Errorf("make the table of history: %w", err)
	}
	for _, table := range tables {
		key, err := primaryKey(ctx, conn, table)
		if err != nil {
			return err
		}
		args := make([]string, len(key))
		for i, k := range key {
			args[i] = "'" + strings.ReplaceAll(k, "'", "''") + "'"
		}
		name := identifier(table)
		if _, err := conn.Exec(ctx, "create or replace trigger witness after insert or update or delete on "+name+
			" for each row execute function witness.note("+strings.Join(args, ", ")+")"); err != nil {
			return fmt.Errorf("watch table %s: %w", table, err)
		}
		if _, err := conn.Exec(ctx, "create or replace trigger witness_truncate after truncate on "+name+
			" for each statement execute function witness.note()"); err != nil {
			return fmt.Errorf("watch truncates of table %s: %w", table, err)
		}
	}
	return nil
}

// History returns what was noted of a table since Watch, in commit order for each key.
func History(ctx context.Context, conn *pgx.Conn, table string) ([]Change, error) {
	rows, err := conn.Query(ctx,
		"select seq, key::text, op::text, row::text, transaction from witness.history where relation = $1 order by seq", table)
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", table, err)
	}
	defer rows.Close()
	var changes []Change
	for rows.Next() {
		var seq int64
		var op string
		var key, row *string // a truncate has no key
		c := Change{Table: table, Partition: -1}
		if err := rows.Scan(&seq, &key, &op, &row, &c.Transaction); err != nil {
			return nil, fmt.Errorf("read the history of %s: %w", table, err)
		}
		c.Op, c.Where = Op(op), fmt.Sprintf("history %d", seq)
		if key != nil {
			if c.Key, err = parseRow([]byte(*key)); err != nil {
				return nil, err
			}
		}
		if row != nil {
			if c.Row, err = parseRow([]byte(*row)); err != nil {
				return nil, err
			}
		}
		changes = append(changes, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", table, err)
	}
	return changes, nil
}

// Current returns a table's present rows as Reads.
func Current(ctx context.Context, conn *pgx.Conn, table string) ([]Change, error) {
	columns, err := primaryKey(ctx, conn, table)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(ctx, "select to_jsonb(t)::text from "+identifier(table)+" t")
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", table, err)
	}
	changes := make([]Change, len(texts))
	for i, text := range texts {
		row, err := parseRow([]byte(text))
		if err != nil {
			return nil, err
		}
		changes[i] = Change{Table: table, Key: row.Only(columns...), Op: Read, Row: row, Where: "table", Partition: -1}
	}
	return changes, nil
}

// primaryKey returns the names of a table's key columns.
func primaryKey(ctx context.Context, conn *pgx.Conn, table string) ([]string, error) {
	rows, err := conn.Query(ctx,
		`select a.attname::text from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey)
		where i.indrelid = $1::text::regclass and i.indisprimary`, identifier(table))
	if err != nil {
		return nil, fmt.Errorf("find the primary key of %s: %w", table, err)
	}
	key, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("find the primary key of %s: %w", table, err)
	}
	if len(key) == 0 {
		return nil, fmt.Errorf("table %s has no primary key: rows without identity cannot be followed", table)
	}
	return key, nil
}

// identifier quotes schema.table.
func identifier(table string) string {
	schema, name, _ := strings.Cut(table, ".")
	return pgx.Identifier{schema, name}.Sanitize()
}
