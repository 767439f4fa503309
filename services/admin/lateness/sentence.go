package lateness

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
)

// way names the places as people read them.
var way = map[adminv1.HeldAt]string{captureHolds: "commit → capture", kafkaAwaits: "capture → Kafka",
	sinkAwaits: "Kafka → sink", sinkHolds: "sink → queryable"}

// Way is a place as people read it; empty if nothing is held.
func Way(at adminv1.HeldAt) string { return way[at] }

// name is the name of the table, or of the topic if that belongs to no table.
func (r *row) name() string { return cmp.Or(r.Table, "topic "+r.Topic) }

// in names the row's target, as part of a sentence.
func (r *row) in() string {
	switch {
	case r.Target != "":
		return " in " + r.Target
	case r.Sink != "":
		return " in " + r.Sink
	}
	return ""
}

// sentence says everything about a row that somebody has to know; empty if nothing waits.
func sentence(r *row) string {
	if r.HeldAt == 0 {
		return ""
	}
	held := "held at " + way[r.HeldAt]
	if r.HeldSince != nil {
		held += " since " + r.HeldSince.AsTime().UTC().Format("15:04 UTC")
		if r.LateSeconds > 20*60*60 {
			held = "held at " + way[r.HeldAt] + " since " + r.HeldSince.AsTime().UTC().Format("2006-01-02 15:04 UTC")
		}
	}
	said := fmt.Sprintf("%s is %s late%s; %s", r.name(), Age(r.LateSeconds), r.in(), held)
	if r.LateSeconds == 0 && r.Check != "" {
		said = fmt.Sprintf("whether %s is late%s is not known; %s", r.name(), r.in(), held)
	}
	switch {
	case r.Because != "":
		said += ", because " + strings.TrimRight(r.Because, ".")
	case r.place.fills:
		said += "; its batch fills, and nothing is wrong"
	default:
		said += "; nothing is wrong"
	}
	if r.Remedy != "" {
		said += "; do this: " + r.Remedy
	}
	return said
}

// Age formats a time in seconds for people: 45 s, 14 min, 3 h 5 min, 2 d 4 h.
func Age(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	switch {
	case d < 90*time.Second:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 90*time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 36*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	const day = 24 * time.Hour
	return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
}
