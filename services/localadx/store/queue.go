package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/calypso-cdc/calypso/services/localadx/azstorage"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// Queues is the storage service's queues, whose messages ask for ingestions.
type Queues struct{ s *Store }

// Queues returns the queues of the storage service.
func (s *Store) Queues() Queues { return Queues{s} }

// Enqueue implements azstorage.Queues.
func (q Queues) Enqueue(ctx context.Context, queue, text string) (string, error) {
	if err := q.s.disk.Check(); err != nil {
		return "", err
	}
	id := uuid.NewString()
	_, err := q.s.db.ExecContext(ctx, "INSERT INTO adx.messages VALUES (CAST(? AS UUID), ?, ?, ?)", id, queue,
		value.TicksOf(time.Now()), text)
	if err != nil {
		return "", fmt.Errorf("keep a message of queue %s: %w", queue, err)
	}
	return id, nil
}

// Peek implements azstorage.Queues: the oldest messages first.
func (q Queues) Peek(ctx context.Context, queue string, n int) ([]azstorage.Message, error) {
	var messages []azstorage.Message
	err := each(ctx, q.s,
		"SELECT CAST(id AS VARCHAR), body, inserted FROM adx.messages WHERE queue = ? ORDER BY inserted LIMIT ?",
		func(scan func(...any) error) error {
			var m azstorage.Message
			var inserted int64
			if err := scan(&m.ID, &m.Text, &inserted); err != nil {
				return err
			}
			m.Inserted = value.TimeOf(inserted)
			messages = append(messages, m)
			return nil
		}, queue, n)
	if err != nil {
		return nil, fmt.Errorf("read queue %s: %w", queue, err)
	}
	return messages, nil
}

// DeleteMessage implements azstorage.Queues.
func (q Queues) DeleteMessage(ctx context.Context, queue, id string) error {
	if _, err := q.s.db.ExecContext(ctx, "DELETE FROM adx.messages WHERE queue = ? AND CAST(id AS VARCHAR) = ?", queue,
		id); err != nil {
		return fmt.Errorf("delete a message of queue %s: %w", queue, err)
	}
	return nil
}

// Entities is the storage service's tables, which hold what clients and the service tell each other of ingestions.
type Entities struct{ s *Store }

// Entities returns the tables of the storage service.
func (s *Store) Entities() Entities { return Entities{s} }

// InsertEntity implements azstorage.Entities.
func (e Entities) InsertEntity(ctx context.Context, table, partitionKey, rowKey string, body json.RawMessage) error {
	return transact(ctx, e.s, func(conn *sql.Conn) error {
		if _, err := entity(ctx, conn, table, partitionKey, rowKey); !errors.Is(err, azstorage.ErrEntityNotFound) {
			if err == nil {
				err = azstorage.ErrEntityExists
			}
			return err
		}
		return putEntity(ctx, conn, table, partitionKey, rowKey, body)
	})
}

// Entity implements azstorage.Entities.
func (e Entities) Entity(ctx context.Context, table, partitionKey, rowKey string) (json.RawMessage, error) {
	return entity(ctx, e.s.db, table, partitionKey, rowKey)
}

// EntitiesOf returns the entities of one partition.
func (e Entities) EntitiesOf(ctx context.Context, table, partitionKey string) ([]json.RawMessage, error) {
	var entities []json.RawMessage
	err := each(ctx, e.s, "SELECT body FROM adx.entities WHERE name = ? AND partition_key = ? ORDER BY row_key",
		func(scan func(...any) error) error {
			var body string
			if err := scan(&body); err != nil {
				return err
			}
			entities = append(entities, json.RawMessage(body))
			return nil
		}, table, partitionKey)
	if err != nil {
		return nil, fmt.Errorf("read the entities of table %s: %w", table, err)
	}
	return entities, nil
}

// MergeEntity implements azstorage.Entities.
func (e Entities) MergeEntity(ctx context.Context, table, partitionKey, rowKey string, body json.RawMessage) error {
	return transact(ctx, e.s, func(conn *sql.Conn) error {
		return mergeEntity(ctx, conn, table, partitionKey, rowKey, body)
	})
}

// querier is implemented by *sql.DB and *sql.Conn.
type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func entity(ctx context.Context, q querier, table, partitionKey, rowKey string) (json.RawMessage, error) {
	var body string
	err := q.QueryRowContext(ctx, "SELECT body FROM adx.entities WHERE name = ? AND partition_key = ? AND row_key = ?",
		table, partitionKey, rowKey).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, azstorage.ErrEntityNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read an entity of table %s: %w", table, err)
	}
	return json.RawMessage(body), nil
}

func putEntity(ctx context.Context, conn *sql.Conn, table, partitionKey, rowKey string, body json.RawMessage) error {
	if _, err := conn.ExecContext(ctx, "DELETE FROM adx.entities WHERE name = ? AND partition_key = ? AND row_key = ?",
		table, partitionKey, rowKey); err != nil {
		return fmt.Errorf("write an entity of table %s: %w", table, err)
	}
	_, err := conn.ExecContext(ctx, "INSERT INTO adx.entities VALUES (?, ?, ?, ?, ?)", table, partitionKey, rowKey,
		value.TicksOf(time.Now()), string(body))
	if err != nil {
		return fmt.Errorf("write an entity of table %s: %w", table, err)
	}
	return nil
}

func mergeEntity(ctx context.Context, conn *sql.Conn, table, partitionKey, rowKey string, body json.RawMessage) error {
	merged := map[string]json.RawMessage{}
	existing, err := entity(ctx, conn, table, partitionKey, rowKey)
	if err != nil && !errors.Is(err, azstorage.ErrEntityNotFound) {
		return err
	}
	for _, part := range []json.RawMessage{existing, body} {
		if len(part) == 0 {
			continue
		}
		if err := json.Unmarshal(part, &merged); err != nil {
			return fmt.Errorf("merge an entity of table %s: %w", table, err)
		}
	}
	text, err := json.Marshal(merged)
	if err != nil {
		return fmt.Errorf("merge an entity of table %s: %w", table, err)
	}
	return putEntity(ctx, conn, table, partitionKey, rowKey, text)
}
