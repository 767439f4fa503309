package usecase

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustodata/query"
	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/calypso-cdc/calypso/examples/orders"
	"github.com/calypso-cdc/calypso/libs/testenv"
	"github.com/calypso-cdc/calypso/libs/verify"
	"github.com/calypso-cdc/calypso/tests/internal/adx"
	"github.com/calypso-cdc/calypso/tests/internal/stack"
)

// overTheDay makes orders at all times of a day, so that the questions about time have many answers.
const overTheDay = `insert into retail.orders_info (custid, amount, city, purchase_time)
	select 1 + i % 1000, 100 + i * 7 % 100, (array['New Delhi','Seattle','New York','Austin','Chicago','Cleveland'])[1 + i * 5 % 6],
		to_char(timestamp '2020-10-09' + i * interval '97 seconds', 'YYYY-MM-DD HH24:MI:SS')
	from generate_series(1, 900) i`

func TestTheOrdersUseCaseFromPostgreSQLToSevenAnswers(t *testing.T) {
	p := newPipeline(t, stack.Options{})
	ctx := t.Context()

	rows, err := p.adx.Shown(ctx, ".show table Orders policy ingestionbatching")
	if err != nil {
		t.Fatal(err)
	}
	if policy, err := adx.Value[string](rows[0], "Policy"); err != nil || !strings.Contains(policy, "00:00:30") ||
		!strings.Contains(policy, "500") {
		t.Errorf("the batching policy is shown as %s (%v)", policy, err)
	}

	// Orders from before the connector come by its snapshot, those from after it by the stream.
	if _, err := p.conn.Exec(ctx, overTheDay); err != nil {
		t.Fatal(err)
	}
	p.start(t, nil)
	var got struct {
		Name, Type string
		Config     map[string]string
	}
	if err := p.Source().Call(ctx, "GET", "/connectors/"+source, nil, &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != source || got.Type != "source" || got.Config["table.whitelist"] != table {
		t.Errorf("GET /connectors/%s: %+v", source, got)
	}
	testenv.Eventually(t, time.Minute, "the stream to begin", p.streaming)
	p.burst(t, 600)
	// The use case flushes and batches for 30 seconds each.
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
	p.envelope(t)
	p.answers(t)
}

// envelope checks that the first record of the topic is a full Debezium envelope with schema and payload.
func (p *pipeline) envelope(t *testing.T) {
	consumer, err := kgo.NewClient(kgo.SeedBrokers(p.Kafka.Bootstrap), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer consumer.Close()
	fetches := consumer.PollFetches(t.Context())
	if err := fetches.Err(); err != nil {
		t.Fatal(err)
	}
	first := fetches.Records()[0]
	for _, part := range []string{`{"schema":{"type":"struct"`, `"name":"myserver.retail.orders_info.Envelope"`,
		`"payload":{"before":null,"after":{"orderid":`, `"op":"r"`} {
		if !strings.Contains(string(first.Value), part) {
			t.Errorf("the first record has no %s: %s", part, first.Value)
		}
	}
	if want := `{"schema":{"type":"struct"`; !strings.HasPrefix(string(first.Key), want) {
		t.Errorf("the first key does not begin with %s: %s", want, first.Key)
	}
}

// order is a row of the source, from which the right answers are computed.
type order struct {
	ID, Cust, Amount int32
	City, Time       string
}

// bin is the order's time of day in steps of ten minutes.
func (o order) bin() time.Duration {
	at, err := time.Parse(time.DateTime, o.Time)
	if err != nil {
		panic(fmt.Sprintf("order %d has the time %q: %v", o.ID, o.Time, err))
	}
	return (time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute).Truncate(10 * time.Minute)
}

// answers asks the seven questions and compares with what the source says.
func (p *pipeline) answers(t *testing.T) {
	rows, err := p.conn.Query(t.Context(), "select orderid, custid, amount, city, purchase_time from retail.orders_info")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[order])
	if err != nil {
		t.Fatal(err)
	}
	queries := orders.Queries()
	ask := func(number int) []query.Row {
		t.Helper()
		rows, err := p.adx.Query(t.Context(), queries[number-1])
		if err != nil {
			t.Fatalf("question %d: %v", number, err)
		}
		return rows
	}
	byCity := map[string][]float64{}
	byBin, byBinAndCity := map[string]int64{}, map[string]int64{}
	var newYork, projected []string
	for _, o := range all {
		byCity[o.City] = append(byCity[o.City], float64(o.Amount))
		byBin[adx.Clock(o.bin())]++
		byBinAndCity[adx.Clock(o.bin())+" "+o.City]++
		projected = append(projected, fmt.Sprintln(o.City, o.Amount, o.Time))
		if o.City == "New York" {
			newYork = append(newYork, fmt.Sprintln(o.ID, o.Cust, o.City, o.Amount, o.Time))
		}
	}
	sum := func(v []float64) (s float64) {
		for _, x := range v {
			s += x
		}
		return s
	}

	var got []string
	for _, r := range ask(1) {
		got = append(got, fmt.Sprintln(text(t, r, "orderid"), text(t, r, "custid"), text(t, r, "city"), text(t, r, "amount"),
			text(t, r, "purchase_time")))
	}
	sameSet(t, 1, newYork, got)

	got = nil
	last := int32(math.MaxInt32)
	for _, r := range ask(2) {
		got = append(got, fmt.Sprintln(text(t, r, "city"), text(t, r, "amount"), text(t, r, "purchase_time")))
		amount, err := adx.Value[*int32](r, "amount")
		if err != nil {
			t.Fatal(err)
		}
		if *amount > last {
			t.Fatalf("question 2 is not sorted by amount, descending: %d after %d", *amount, last)
		}
		last = *amount
	}
	sameSet(t, 2, projected, got)

	averages, sums, counts := map[string]float64{}, map[string]int64{}, map[string]int64{}
	for city, amounts := range byCity {
		averages[city], sums[city], counts[city] = sum(amounts)/float64(len(amounts)), int64(sum(amounts)),
			int64(len(amounts))
	}
	gotAverages := map[string]float64{}
	for _, r := range ask(3) {
		v, err := adx.Value[*float64](r, "avg_amount")
		if err != nil {
			t.Fatal(err)
		}
		gotAverages[text(t, r, "city")] = *v
	}
	if !maps.EqualFunc(averages, gotAverages, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
		t.Errorf("question 3: got %v, want %v", gotAverages, averages)
	}
	sameNumbers(t, 4, sums, ask(4), "total", "city")
	sameNumbers(t, 5, counts, ask(5), "orders", "city")
	sameNumbers(t, 6, byBin, ask(6), "event_count", "hour")
	sameNumbers(t, 7, byBinAndCity, ask(7), "event_count", "hour", "city")
	for _, number := range []int{6, 7} {
		if hours := ask(number); !slices.IsSortedFunc(hours,
			func(a, b query.Row) int { return strings.Compare(text(t, a, "hour"), text(t, b, "hour")) }) {
			t.Errorf("question %d is not sorted by hour", number)
		}
	}
	for number, chart := range map[int]string{3: "columnchart", 4: "piechart", 5: "linechart", 6: "timechart",
		7: "columnchart"} {
		raw, err := p.adx.QueryToJson(t.Context(), database, kql.New("").AddUnsafe(queries[number-1]))
		if err != nil || !strings.Contains(raw, chart) {
			t.Errorf("question %d does not say to draw a %s (%v)", number, chart, err)
		}
	}
}

// text is a value as the source writes it; times of day as hh:mm.
func text(t *testing.T, r query.Row, column string) string {
	t.Helper()
	v, err := r.ValueByName(column)
	if err != nil {
		t.Fatal(err)
	}
	switch x := v.GetValue().(type) {
	case string:
		return x
	case *int32:
		return fmt.Sprint(*x)
	case *int64:
		return fmt.Sprint(*x)
	case *time.Time:
		return x.UTC().Format(time.DateTime)
	case *time.Duration:
		return adx.Clock(*x)
	}
	t.Fatalf("column %s holds a %T", column, v.GetValue())
	return ""
}

func sameSet(t *testing.T, number int, want, got []string) {
	t.Helper()
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("question %d: %d rows, want %d", number, len(got), len(want))
	}
}

// sameNumbers compares a column of numbers with what is wanted by the text of the key columns.
func sameNumbers(t *testing.T, number int, want map[string]int64, rows []query.Row, column string, keys ...string) {
	t.Helper()
	got := map[string]int64{}
	for _, r := range rows {
		var key []string
		for _, k := range keys {
			key = append(key, text(t, r, k))
		}
		v, err := adx.Value[*int64](r, column)
		if err != nil {
			t.Fatalf("question %d: %v", number, err)
		}
		got[strings.Join(key, " ")] = *v
	}
	if !maps.Equal(want, got) {
		t.Errorf("question %d: got %v, want %v", number, got, want)
	}
}

func TestARestartLosesNoOrder(t *testing.T) {
	p := newPipeline(t, stack.Options{ADXEnv: []string{batchQuickly}})
	p.start(t, quick)
	p.burst(t, 500)
	for _, name := range []string{"capture", "sink", "localadx", "admin"} {
		s := p.Service(name)
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		p.burst(t, 100)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.burst(t, 100)
	}
	p.settle(t, 2*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
}

func TestKillsUnderLoadLoseAndRepeatNoOrder(t *testing.T) {
	p := newPipeline(t, stack.Options{ADXEnv: []string{batchQuickly}})
	p.start(t, quick)
	ctx := t.Context()
	p.load(t, 500, 0.2, 0.1)
	for range 3 {
		for _, name := range []string{"capture", "sink"} {
			time.Sleep(1500 * time.Millisecond)
			if err := p.Service(name).Restart(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.unload(t)
	p.settle(t, 3*time.Minute, verify.ExactlyOnce, verify.ExactlyOnce)
}
