package main

import (
	"context"
	"fmt"
	"time"
)

// kill ends the worker as kill -9 does when half of the rows are accepted, starts it again at once
// and counts what comes twice.
func (b *sinkMeasures) kill(ctx context.Context) (table, error) {
	t := table{Heading: "kill -9 in the middle, started again at once", Columns: []string{
		"conditions", "rows accepted at the kill", "nothing accepted for", "Azure's", "rows in the end", "lost",
		"repeated, of those at the kill", "Azure's", "sent again and skipped"}}
	const name = "kill, 4 MiB"
	if !b.wanted(name) {
		return t, nil
	}
	if err := b.fill(ctx, "schema"); err != nil {
		return t, err
	}
	r, err := b.against(ctx, slug(name), 0)
	if err != nil {
		return t, err
	}
	defer r.close()
	if err := r.create(ctx, r.adx.url(), "schema"+topicSuffix, true, 4<<20, 5*time.Second, nil); err != nil {
		return t, err
	}
	want := int(b.bench.rows("schema"))
	if err := until(ctx, 3*time.Minute, func() bool { return r.adx.rows() >= want/2 }); err != nil {
		return t, err
	}
	r.fleet.Worker.Kill()
	before := r.adx.acceptances()
	if len(before) == 0 {
		return t, fmt.Errorf("%s: no blob came in three minutes", name)
	}
	if err := r.fleet.Worker.Start(ctx); err != nil {
		return t, err
	}
	if err := until(ctx, 3*time.Minute, func() bool { return r.adx.rows() >= want }); err != nil {
		return t, err
	}
	time.Sleep(3 * time.Second) // what would come too often may come late
	after := r.adx.acceptances()
	if len(after) == len(before) {
		return t, fmt.Errorf("%s: no blob came in three minutes after the kill; the end of the sink's log:\n%s", name,
			r.fleet.Worker.Process().Tail(20))
	}
	atKill := 0
	for _, a := range before {
		atKill += a.rows
	}
	stood := after[len(before)].at.Sub(before[len(before)-1].at)
	distinct, repeated := r.adx.distinct()
	r.adx.mu.Lock()
	skipped := r.adx.skipped
	r.adx.mu.Unlock()
	b.bench.say("%s: stood still for %s, %d repeated", name, stood, repeated)
	t.Rows = append(t.Rows, []string{name, fmt.Sprint(atKill), fmt.Sprintf("%.1f s", stood.Seconds()), "45 s",
		fmt.Sprint(r.adx.rows()), fmt.Sprint(want - distinct),
		percent(float64(repeated), float64(atKill)), "100 % (27 % with commits each 5 s)", fmt.Sprint(skipped)})
	return t, nil
}
