package sink

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/services/sink/internal/deadletter"
	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
)

// An answer that says nothing against the rows is waited for, one about the target stops the task
// with the remedy, and rows are looked for only where they were read; and so at each stage, since
// the service gives the same codes at all of them.
func TestAnAnswerOfTheClusterMeansTheSameAtEachStage(t *testing.T) {
	const again, done = "", "in the table"
	codes := map[string]string{ // what the task fails with; again is what is sent until it comes through
		"General_RetryAttemptsExceeded":                    again,
		"Internal_ServiceError_NoSuchCodeYet":              again,
		"Download_Forbidden":                               again,
		"BadRequest_TableAccessDenied":                     again,
		"BadRequest_TableNotExist":                         "Make or change the table and its mapping",
		"BadRequest_MappingReferenceWasNotFound":           "ingestion json mapping 'M'",
		"BadRequest_InvalidMapping":                        "ingestion json mapping 'M'",
		"UpdatePolicy_Cyclic_Update_Not_Allowed":           "rule out what is ingested",
		"BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy": "rule out what is ingested",
		"BadRequest_NoRecordsOrWrongFormat":                "cannot be delivered",
		"Stream_WrongNumberOfFields":                       "cannot be delivered",
		"Skipped_IngestByTagAlreadyExists":                 done,
		"BlobAlreadyReceived_BlobAlreadyFoundInBatch":      done,
		"BadRequest_StreamingIngestionPolicyNotEnabled":    done,
		"UpdatePolicy_QuerySchemaDoesNotMatchTableSchema":  done,
	}
	var mu sync.Mutex
	verdicts := map[string]string{} // by table
	asked := map[string]int{}
	servers.adx.judged(t, func(table string) string {
		mu.Lock()
		defer mu.Unlock()
		code := verdicts[table]
		if code != "" {
			asked[table]++
		}
		if codes[code] == done && asked[table] > 1 {
			return "" // what was not streamed is queued
		}
		return code
	})
	servers.adx.inject(t, func(r *http.Request) fault {
		if r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/v1/rest/") {
			return answer
		}
		return pass
	})
	t.Run("stages", func(t *testing.T) { // ends when its parallel parts have
		for _, mode := range []spec.Mode{spec.ModeQueued, spec.ModeStreaming, spec.ModeInline} {
			for code, want := range codes {
				if mode != spec.ModeStreaming && (strings.Contains(code, "Streaming") || strings.Contains(code, "QuerySchema")) {
					continue // of streaming alone, or as the update policy above
				}
				t.Run(string(mode)+" "+code, func(t *testing.T) {
					t.Parallel()
					s := newFixture(t, 1, map[string]string{"ingestion.mode": string(mode)})
					if mode == spec.ModeStreaming {
						s.manage(".alter table " + s.table + " policy streamingingestion enable")
					}
					s.produce(1, 5, 1)
					set := func(code string) {
						mu.Lock()
						defer mu.Unlock()
						verdicts[s.table] = code
					}
					set(code)
					r := s.start()
					switch want {
					case done:
						s.commits(0, 4)
					case again:
						testenv.Eventually(t, time.Minute, "several tries", func(context.Context) error {
							mu.Lock()
							defer mu.Unlock()
							if n := asked[s.table]; n < 2 {
								return fmt.Errorf("%d so far", n)
							}
							return nil
						})
						if at, err := s.committed(t.Context(), 0); err != nil || at > 0 {
							t.Errorf("committed %d, %v", at, err)
						}
						set("")
						s.holds(5)
						s.commits(0, 4)
					default:
						if err := r.failure(t); !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), code) {
							t.Errorf("%v, want %q in it", err, want)
						}
						if at, err := s.committed(t.Context(), 0); err != nil || at > 0 {
							t.Errorf("committed %d, %v", at, err)
						}
					}
				})
			}
		}
	})
}

// Records that a batch had, and that are gone when it is read again to find the row at fault, were
// silently dropped.
func TestARecordThatFitsNoMoreWhenItsBatchIsReadAgainIsSetAside(t *testing.T) {
	s := newFixture(t, 1, map[string]string{"errors.tolerance": "all",
		"errors.deadletterqueue.topic.replication.factor": "1"})
	dead := s.topic + "-dead"
	s.config["errors.deadletterqueue.topic.name"] = dead
	var r *running
	started := make(chan struct{})
	var once sync.Once
	servers.adx.judged(t, func(table string) string {
		if table != s.table {
			return ""
		}
		once.Do(func() {
			<-started
			if _, err := servers.adx.client.Manage(t.Context(), "shop", ".alter column "+table+".city type=int"); err != nil {
				t.Error(err)
			}
			to, err := r.pipeline.Load().member.Batches.Tables.Of(t.Context(), s.topic)
			if err == nil {
				err = to.Look(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
		})
		return "Stream_WrongNumberOfFields"
	})
	s.produce(1, 5, 1)
	r = s.start()
	close(started)
	for i, letter := range s.letters(dead, 4) {
		if want := fmt.Sprintf(`{"orderid":%d}`, i+1); string(letter.Key) != want ||
			!strings.Contains(header(letter, deadletter.HeaderMessage), "column city") {
			t.Errorf("letter %d has key %s and reason %q", i, letter.Key, header(letter, deadletter.HeaderMessage))
		}
	}
	s.commits(0, 4)
}

// The first commands of a task are answered by a cluster that is being started or moved.
func TestAFailureOfTheServiceAtATasksStartIsWaitedForWhateverItCallsItself(t *testing.T) {
	var failing atomic.Bool
	failing.Store(true)
	servers.adx.inject(t, func(r *http.Request) fault {
		if failing.Load() && strings.Contains(r.URL.Path, "/rest/mgmt") {
			return fail
		}
		return pass
	})
	for _, mode := range []spec.Mode{spec.ModeQueued, spec.ModeStreaming} {
		t.Run(string(mode), func(t *testing.T) {
			failing.Store(true)
			s := newFixture(t, 1, map[string]string{"ingestion.mode": string(mode), "kusto.validation.table.enable": "true"})
			s.produce(1, 5, 1)
			r := s.start()
			r.waits(t, "General_InternalServerError")
			failing.Store(false)
			s.holds(5)
		})
	}
}
