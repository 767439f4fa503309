package slot

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/services/capture/internal/spec"
)

// inspected is a view whose server is asked by ask.
func inspected(ask func(ctx context.Context) answer) *View {
	s := &spec.Spec{Connection: pgrepl.Config{Host: "h", Port: 5432, Database: "d"}}
	s.Slot.Name = "s"
	v := ViewOf(s)
	v.inspect = func(ctx context.Context, _ *counts) answer { return ask(ctx) }
	return v
}

// hang waits until ctx ends, as for a server that takes connections and says nothing.
func hang(ctx context.Context) answer {
	<-ctx.Done()
	return unanswered(errors.New("the server says nothing"))
}

// phases makes the capture's phase another one each time, as that of one which tries again.
func phases() func() int {
	n := 0
	return func() int { n++; return n }
}

const slotAge = 5 * time.Second

func TestAServerThatSaysNothingHoldsUpNobodyWhoLooksForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := inspected(hang)
		begun, phase := time.Now(), phases()
		const looks = 5
		for range looks {
			const want = "PostgreSQL at h:5432 to say what slot s is like: nothing has come for 2s"
			if seen, err := v.Look(t.Context(), slotAge, phase); seen != nil || err == nil ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("a look gives %v, %v", seen, err)
			}
			if _, err := v.Unread(0); err == nil {
				t.Error("nothing is unread, though nobody could ask")
			}
		}
		if waited := time.Since(begun); waited != patience {
			t.Errorf("%d looks at once waited for %v", looks, waited)
		}
		time.Sleep(question) // the question itself ends
	})
}

func TestWhatWasSeenLastHoldsWhileASlowServerIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		takes := time.Duration(0)
		v := inspected(func(context.Context) answer {
			time.Sleep(takes)
			return answer{slot: &Seen{Name: takes.String()}}
		})
		streaming := func() int { return 7 }
		look := func(want string) {
			t.Helper()
			if seen, err := v.Look(t.Context(), slotAge, streaming); err != nil || seen == nil || seen.Name != want {
				t.Errorf("a look gives %v, %v, want the answer that took %s", seen, err, want)
			}
		}
		look("0s")
		time.Sleep(2 * slotAge)
		takes = 3 * time.Second
		look("0s")
		look("0s")
		time.Sleep(takes)
		look("3s")
	})
}

func TestAPhaseIsNotJudgedByASlotThatWasSeenBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phase, asked := 1, 0
		v := inspected(func(ctx context.Context) answer {
			if asked++; asked == 2 {
				return hang(ctx)
			}
			return answer{slot: &Seen{}}
		})
		now := func() int { return phase }
		if seen, err := v.Look(t.Context(), slotAge, now); seen == nil || err != nil {
			t.Fatal(seen, err)
		}
		phase++
		if seen, err := v.Look(t.Context(), slotAge, now); seen != nil || err == nil {
			t.Errorf("the slot of the phase before is shown: %v, %v", seen, err)
		}
		time.Sleep(2 * question)
		if seen, err := v.Look(t.Context(), slotAge, now); seen == nil || err != nil {
			t.Errorf("once the server answers: %v, %v", seen, err)
		}
	})
}

func TestAPanicOfAQuestionIsItsAnswer(t *testing.T) {
	v := inspected(func(context.Context) answer { panic("made by the test") })
	if seen, err := v.Look(t.Context(), slotAge, phases()); seen != nil || err == nil {
		t.Errorf("a look gives %v, %v", seen, err)
	}
}
