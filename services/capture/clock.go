package capture

import "time"

// eventClock says when events are processed. To ask the system for every row of a busy stream would cost as much as to encode a
// column, so a reading stands for the next clockReadings events too; whoever waits for data stops the clock, so that the
// event that ends the wait has the time of its coming.
type eventClock struct {
	now  int64 // nanoseconds since the Unix epoch
	left int   // events that now stands for
}

const clockReadings = 32

func (c *eventClock) read() int64 {
	if c.left == 0 {
		c.now, c.left = time.Now().UnixNano(), clockReadings
	}
	c.left--
	return c.now
}

// stop makes the next reading a new one.
func (c *eventClock) stop() { c.left = 0 }
