package ordersgenerator

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var t0 = time.Unix(1_800_000_000, 0)

// play lets an undisturbed writer follow p for d, taking took for each transaction, and returns what it wrote.
func play(p *pace, d, took time.Duration) (written, transactions int) {
	for now := t0; now.Before(t0.Add(d)); {
		if n := p.due(now); n > 0 {
			p.wrote(n)
			written += n
			transactions++
			now = now.Add(took)
			continue
		}
		now = now.Add(max(p.next().Sub(now), time.Millisecond))
	}
	return written, transactions
}

func TestTheDefaultRateIsOneOrderEveryThreeSeconds(t *testing.T) {
	written, transactions := play(newPace(DefaultRate, t0), 30*time.Second, 0)
	if written != 10 || transactions != 10 {
		t.Errorf("%d orders in %d transactions in 30 s", written, transactions)
	}
}

func TestAnyRateIsKept(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := math.Pow(10, rapid.Float64Range(-1, 5).Draw(t, "exponent"))
		seconds := 20.0
		written, _ := play(newPace(rate, t0), time.Duration(seconds)*time.Second, time.Millisecond)
		want := rate * seconds
		if slack := max(2, rate/20); math.Abs(float64(written)-want) > slack {
			t.Fatalf("%d written instead of %.0f at rate %.3f", written, want, rate)
		}
	})
}

func TestAHighRateIsWrittenInBatches(t *testing.T) {
	written, transactions := play(newPace(50_000, t0), 10*time.Second, time.Millisecond)
	if transactions > 1100 {
		t.Errorf("%d orders took %d transactions", written, transactions)
	}
}

func TestWhatASlowDatabaseMissedIsMadeUpForOnlyBriefly(t *testing.T) {
	p := newPace(100, t0)
	p.wrote(p.due(t0))
	now := t0.Add(time.Hour)
	total := 0
	for n := p.due(now); n > 0; n = p.due(now) {
		p.wrote(n)
		total += n
	}
	if total < 90 || total > 110 {
		t.Errorf("%d orders were made up for after an hour at 100 a second", total)
	}
}

func TestTheMeterShowsTheRateOfTheLastTenSeconds(t *testing.T) {
	var m meter
	for i := range 60 {
		m.add(t0.Add(time.Duration(i)*time.Second), 5)
	}
	if r := m.rate(t0.Add(59*time.Second), t0); r != 5 {
		t.Errorf("rate is %v", r)
	}
	if r := m.rate(t0.Add(2*time.Minute), t0); r != 0 {
		t.Errorf("rate is %v a minute after the last change", r)
	}
}
