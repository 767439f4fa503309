package ordersgenerator

import (
	"fmt"
	"math"
	"time"
)

// Limits of the rate, in changes a second.
const (
	MinRate = 0.001
	MaxRate = 100_000
)

// DefaultRate is the rate of the use case: one order every three seconds.
const DefaultRate = 1.0 / 3

const (
	// transactionsPerSecond is how many transactions a second a high rate is divided into; at lower
	// rates each has one change.
	transactionsPerSecond = 100
	// maxDebt is how much of the time in which the database was too slow is caught up. Changes missed
	// before that are not written.
	maxDebt = time.Second
)

// ValidateRate returns an error if a rate is out of range.
func ValidateRate(rate float64) error {
	if !(rate >= MinRate && rate <= MaxRate) { // NaN fails as well
		return fmt.Errorf("the rate must be from %v to %v changes a second, not %v", MinRate, MaxRate, rate)
	}
	return nil
}

// pace decides when how many changes are due. It has no clock: callers pass the time. Not safe for concurrent use.
type pace struct {
	rate float64
	// from is when the first change of this rate was due; done counts the changes written since.
	from time.Time
	done int64
}

// newPace starts a rate whose first change is due at now.
func newPace(rate float64, now time.Time) *pace { return &pace{rate: rate, from: now} }

// size is how many changes one transaction holds.
func (p *pace) size() int { return max(1, int(math.Round(p.rate/transactionsPerSecond))) }

// due returns how many changes to write at now as one transaction: 0, or size, or more (up to 4 size) to catch up.
func (p *pace) due(now time.Time) int {
	if late := now.Sub(p.dueAt(p.done)); late > maxDebt {
		p.from = p.from.Add(late - maxDebt)
	}
	elapsed := now.Sub(p.from).Seconds()
	if elapsed < 0 {
		return 0
	}
	behind := int64(elapsed*p.rate) + 1 - p.done
	if behind < int64(p.size()) && p.size() > 1 || behind <= 0 {
		return 0
	}
	return int(min(behind, int64(4*p.size())))
}

// wrote records that n changes were written, or given up.
func (p *pace) wrote(n int) { p.done += int64(n) }

// next returns when due will no longer be 0.
func (p *pace) next() time.Time {
	// The last change of the transaction decides.
	return p.dueAt(p.done + int64(p.size()) - 1)
}

func (p *pace) dueAt(n int64) time.Time {
	return p.from.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
}

// meter measures the rate over the last ten seconds. Callers pass the time. Not safe for concurrent use.
type meter struct {
	// seconds[i] counts the changes of the second whose Unix time is stamps[i], for Unix times equal to i modulo 10.
	seconds [10]int64
	stamps  [10]int64
}

func (m *meter) add(now time.Time, n int64) {
	s := now.Unix()
	i := s % int64(len(m.seconds))
	if m.stamps[i] != s {
		m.stamps[i], m.seconds[i] = s, 0
	}
	m.seconds[i] += n
}

// rate is in changes a second, over the last ten seconds or since started if that is less.
func (m *meter) rate(now, started time.Time) float64 {
	window := min(now.Sub(started).Seconds(), float64(len(m.seconds)))
	var sum int64
	for i, stamp := range m.stamps {
		if age := now.Unix() - stamp; age >= 0 && age < int64(len(m.seconds)) {
			sum += m.seconds[i]
		}
	}
	return float64(sum) / max(window, 1)
}
