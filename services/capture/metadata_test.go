package capture

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// transactionRecord is a record of the topic of transaction metadata.
type transactionRecord struct {
	Status     string
	ID         string
	Count      int64 `json:"event_count"`
	Collection []struct {
		Name  string `json:"data_collection"`
		Count int64  `json:"event_count"`
	} `json:"data_collections"`
}

func TestHeartbeatsAndTransactionMetadataGoOnOverAKill(t *testing.T) {
	for _, point := range []string{"after_decode:17", "after_commit_before_status:2", "after_produce_before_commit:3",
		"before_produce:6"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := newSource(t)
			s.exec(t, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE hidden (id int PRIMARY KEY)")
			config := s.config("k"+s.db, map[string]string{"provide.transaction.metadata": "true",
				"heartbeat.interval.ms": "100", "max.batch.size": "5", "table.exclude.list": "public.hidden",
				"snapshot.mode":    "no_data",
				"slot.max.retries": "60", "slot.retry.delay.ms": "200"})
			first := start(t, config)
			s.awaitSlot(t)
			if err := first.stop(t); err != nil {
				t.Fatal(err)
			}
			const transactions, rows = 4, 13
			for i := range transactions {
				s.exec(t, fmt.Sprintf("BEGIN; INSERT INTO hidden VALUES (%d); INSERT INTO a SELECT generate_series(%d, %d); COMMIT",
					i, 100*i+1, 100*i+rows))
			}
			p := child(t, config, point)
			_ = p.Ends(t, 2*time.Minute) // it kills itself at the failpoint
			beats := "__debezium-heartbeat." + s.db
			before := len(records(t, beats))
			start(t, config)
			s.awaitSlot(t)
			s.exec(t, "INSERT INTO a VALUES (-1)")
			seen := make(map[string][]int64)
			topic := s.db + ".public.a"
			await(t, topic, transactions*rows+1)
			for _, r := range records(t, topic) {
				var e struct {
					Transaction struct {
						ID    string
						Total int64 `json:"total_order"`
					}
					Source struct{ TxID uint64 }
				}
				if err := json.Unmarshal(r.Value, &e); err != nil {
					t.Fatal(err)
				}
				tx := fmt.Sprint(e.Source.TxID)
				seen[tx] = append(seen[tx], e.Transaction.Total)
			}
			for tx, orders := range seen {
				for i, n := range orders {
					if n != int64(i+1) {
						t.Errorf("transaction %s: its events have the places %v", tx, orders)
						break
					}
				}
			}
			var got map[string]string
			eventually(t, "all transactions end", func() error {
				got = make(map[string]string)
				ends := 0
				for _, r := range records(t, s.db+".transaction") {
					var m transactionRecord
					if err := json.Unmarshal(r.Value, &m); err != nil {
						t.Fatal(err)
					}
					tx, _, _ := strings.Cut(m.ID, ":")
					got[tx] += m.Status + " "
					if m.Status == "END" {
						ends++
						if want := int64(len(seen[tx])); m.Count != want {
							t.Errorf("transaction %s ends with %d events, has %d", tx, m.Count, want)
						}
					}
				}
				if ends < transactions+1 {
					return fmt.Errorf("%d do", ends)
				}
				return nil
			})
			for tx, words := range got {
				if words != "BEGIN END " {
					t.Errorf("transaction %s has the records %s", tx, words)
				}
			}
			eventually(t, "heartbeats go on", func() error {
				if n := len(records(t, beats)); n <= before {
					return errors.New("there are no new ones")
				}
				return nil
			})
		})
	}
}
