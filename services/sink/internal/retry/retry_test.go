package retry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/status"
)

func TestARefusalOfAnUnknownKindIsTriedAgainForAWhileAndAKnownOneIsNot(t *testing.T) {
	doubtful := &kusto.Error{Status: 418, Code: "Teapot", Permanent: true, Doubtful: true}
	for _, c := range []struct {
		what  string
		err   error
		doubt time.Duration
		calls int
		fails bool
	}{
		{"an unknown refusal that passes", doubtful, time.Hour, 3, false},
		{"an unknown refusal that lasts", doubtful, 0, 1, true},
		{"the service's own word", &kusto.Error{Status: 400, Code: "BadRequest_X", Permanent: true}, time.Hour, 1, true},
	} {
		r := New(status.NewTroubles(func(s string) string { return s }), 0, time.Millisecond, func(error) {}, func(err error) { t.Error(err) })
		r.doubt = c.doubt
		calls := 0
		err := r.Do(t.Context(), func(context.Context) error {
			if calls++; calls == 3 {
				return nil
			}
			time.Sleep(time.Millisecond) // so that time has passed
			return c.err
		})
		if (err != nil) != c.fails || c.fails && (!errors.Is(err, c.err) || calls > 2) || !c.fails && calls != c.calls {
			t.Errorf("%s: %v after %d calls", c.what, err, calls)
		}
	}
}

func TestAnUnknownRefusalAtTheEndOfALongOutageIsTriedAgain(t *testing.T) {
	r := New(status.NewTroubles(func(s string) string { return s }), 0, time.Millisecond, func(error) {}, func(err error) { t.Error(err) })
	r.doubt = 20 * time.Millisecond
	answers := []error{errors.New("away"), errors.New("away"), errors.New("away"),
		&kusto.Error{Status: 418, Code: "Teapot", Permanent: true, Doubtful: true}}
	err := r.Do(t.Context(), func(context.Context) error {
		if len(answers) == 0 {
			return nil
		}
		time.Sleep(r.doubt) // longer than is waited for such an answer
		err := answers[0]
		answers = answers[1:]
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
