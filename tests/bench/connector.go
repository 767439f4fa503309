package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
)

// connector is a capture connector that is measured; its slot and publication have its name with _ for -.
type connector struct {
	name, slot, topic string
	config            map[string]string
}

func (s *session) connector(name string, f format) connector {
	c := connector{name: name, slot: strings.ReplaceAll(name, "-", "_"), topic: name + ".retail.orders_info"}
	pg := s.stack.Postgres
	c.config = map[string]string{
		"connector.class":   "io.debezium.connector.postgresql.PostgresConnector",
		"database.hostname": pg.Host, "database.port": strconv.Itoa(pg.Port), "database.user": testenv.PostgresUser,
		"database.password": testenv.PostgresPassword, "database.dbname": "postgres", "topic.prefix": name,
		"plugin.name": "pgoutput",
		"slot.name":   c.slot, "publication.name": c.slot, "publication.autocreate.mode": "filtered",
		"table.include.list": "retail.orders_info",
	}
	c.config["key.converter.schema.registry.url"] = s.registry.URL
	c.config["value.converter.schema.registry.url"] = s.registry.URL
	maps.Copy(c.config, f.config)
	maps.Copy(c.config, s.bench.set)
	return c
}

// create makes the connector and waits until it reads its slot, or, if it has a snapshot to do, has made it.
func (s *session) create(ctx context.Context, c connector) error {
	if _, err := s.admin.CreateTopic(ctx, 1, 1, nil, c.topic); err != nil {
		return fmt.Errorf("make topic %s: %w", c.topic, err)
	}
	if err := s.stack.Source().Create(ctx, c.name, c.config, ""); err != nil {
		return err
	}
	if c.config["snapshot.mode"] == "no_data" || c.name == "many" {
		return s.active(ctx, c)
	}
	return nil
}

// drop removes the connector and its slot.
func (s *session) drop(ctx context.Context, c connector) error {
	err := s.stack.Source().Call(ctx, http.MethodGet, "/connectors/"+c.name, nil, nil)
	if err != nil {
		return nil // it was not needed
	}
	if err := s.stack.Source().Delete(ctx, c.name); err != nil {
		return err
	}
	if err := s.inactive(ctx, c); err != nil {
		return err
	}
	_, err = s.conn.Exec(ctx, "select pg_drop_replication_slot($1)", c.slot)
	return err
}

func (s *session) stop(ctx context.Context, c connector) error {
	if err := s.stack.Source().Put(ctx, c.name, "stop"); err != nil {
		return err
	}
	return s.inactive(ctx, c)
}

// resume resumes a stopped connector and measures it until n records have come.
func (s *session) resume(ctx context.Context, c connector, n int64) (rates, error) {
	before, err := s.end(ctx, c)
	if err != nil {
		return rates{}, err
	}
	return s.during(n, func() (float64, error) {
		if err := s.stack.Source().Put(ctx, c.name, "resume"); err != nil {
			return 0, err
		}
		return s.arrive(ctx, c, before, n)
	})
}

// active waits until the connector reads its slot, inactive until nobody does.
func (s *session) active(ctx context.Context, c connector) error { return s.slotIs(ctx, c, true) }

func (s *session) inactive(ctx context.Context, c connector) error { return s.slotIs(ctx, c, false) }

func (s *session) slotIs(ctx context.Context, c connector, want bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	return testenv.WaitFor(ctx, "slot "+c.slot, func(ctx context.Context) error {
		var active bool
		// A slot that is read for its creation is not streamed from yet.
		if err := s.conn.QueryRow(ctx,
			`select coalesce(bool_or(s.active and r.state = 'streaming'), false) = $2 and coalesce(bool_or(s.active), false) = $2
			from pg_replication_slots s left join pg_stat_replication r on r.pid = s.active_pid where slot_name = $1`, c.slot,
			want).Scan(&active); err != nil {
			return err
		}
		if !active {
			return errors.Join(fmt.Errorf("its being read is still not %v", want), s.stack.Source().Running(ctx, c.name))
		}
		return nil
	})
}

// end is the end offset of the connector's topic, uncommitted records and transaction markers
// included; 0 if there is no topic.
func (s *session) end(ctx context.Context, c connector) (int64, error) {
	offsets, err := s.admin.ListEndOffsets(ctx, c.topic)
	if err != nil {
		return 0, err
	}
	o, ok := offsets.Lookup(c.topic, 0)
	if !ok || o.Err != nil {
		return 0, nil
	}
	return o.Offset, nil
}

// arrive waits until the topic has grown by n beyond start, and returns the rate from the first growth to the last.
// Transaction markers take offsets too, one in thousands: they make the figure that much too good.
func (s *session) arrive(ctx context.Context, c connector, start, n int64) (float64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 8*time.Minute, fmt.Errorf("%d records took more than eight minutes", n))
	defer cancel()
	var first, asked time.Time
	var had int64
	for {
		end, err := s.end(ctx, c)
		if err != nil {
			return 0, fmt.Errorf("watch topic %s: %w", c.topic, errors.Join(err, context.Cause(ctx)))
		}
		now := time.Now()
		grown := end - start
		if grown > 0 && first.IsZero() {
			first, had = now, grown
		}
		if grown >= n {
			return perSecond(grown-had, now.Sub(first)), nil
		}
		if now.Sub(asked) > time.Second { // a failed connector would let the wait go on to its end
			if asked = now; !first.IsZero() {
				if err := s.stack.Source().Running(ctx, c.name); err != nil {
					return 0, err
				}
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("%d of %d records: %w", grown, n, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
