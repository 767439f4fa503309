package scalar

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

// A t-digest state is the dynamic value [[version, type], [values], [weights]]: the values in
// order, each with the weight of the rows it stands for. type is the Kusto type of the values;
// datetimes and timespans are in ticks. Up to tdigestExact different values are kept as they are,
// and percentiles are then exactly those of percentile(); with more, neighbours are merged into
// their mean, the more of them the farther they are from both ends.
const (
	tdigestVersion = 7
	tdigestExact   = 4096
)

// tdigests are the functions over t-digest states. tdigest_of makes one of lists of values and
// weights, tdigest_union merges a list.
func tdigests() []Function {
	return []Function{
		define("tdigest_of(dynamic, dynamic, string) dynamic", func(a []any) any {
			d := &tdigest{typ: a[2].(string)}
			if err := d.add(list(a[0]), list(a[1])); err != nil {
				return err
			}
			return d.state()
		}),
		define("tdigest_union(elements) dynamic", func(a []any) any { return mergeTDigests(list(a[0])) }),
		define("tdigest_rank(dynamic, text, text, bool) real", func(a []any) any {
			d, err := readTDigest(a[0])
			if err != nil {
				return err
			}
			return d.rank(a[1].(string), a[2].(string), a[3].(bool))
		}),
		define("tdigest_percentiles(dynamic, dynamic) dynamic", func(a []any) any {
			d, err := readTDigest(a[0])
			if err != nil {
				return err
			}
			out := []any{}
			for _, p := range list(a[1]) {
				f, ok := value.Number(p)
				if !ok || f < 0 || f > 100 {
					return errors.New("a percentile must be a number from 0 to 100")
				}
				out = append(out, d.percentile(f))
			}
			return out
		}),
	}
}

// centroid is a value and its weight. The value is whole for types of whole numbers, from which a
// float64 does not hold all, and real for the others; the other field is 0.
type centroid struct {
	whole        int64
	real, weight float64
}

func compareValues(x, y centroid) int {
	return cmp.Or(cmp.Compare(x.whole, y.whole), cmp.Compare(x.real, y.real))
}

// absorb moves c to the mean of its and the other's rows.
func (c *centroid) absorb(other centroid) {
	c.weight += other.weight
	share := other.weight / c.weight
	c.whole += int64(float64(other.whole-c.whole) * share)
	c.real += (other.real - c.real) * share
}

// tdigest is a decoded state: centroids in the order of their values.
type tdigest struct {
	typ       string
	centroids []centroid
}

var errNoTDigest = errors.New("the argument is not the result of tdigest() or tdigest_merge()")

func readTDigest(v any) (*tdigest, error) {
	parts := list(v)
	if len(parts) != 3 {
		return nil, errNoTDigest
	}
	head := list(parts[0])
	if len(head) != 2 || head[0] != int64(tdigestVersion) {
		return nil, errNoTDigest
	}
	typ, _ := head[1].(string)
	if _, ok := value.ParseType(typ); !ok {
		return nil, errNoTDigest
	}
	d := &tdigest{typ: typ}
	return d, d.add(list(parts[1]), list(parts[2]))
}

// add adds values with their weights; null values and weights that are not positive count for nothing.
func (d *tdigest) add(values, weights []any) error {
	if len(values) != len(weights) {
		return errNoTDigest
	}
	for i, v := range values {
		if v == nil || weights[i] == nil {
			continue
		}
		weight, ok := value.Number(weights[i])
		c := centroid{weight: weight}
		if whole, isWhole := v.(int64); isWhole && d.typ != value.Real.String() {
			c.whole = whole
		} else {
			r, isNumber := value.Number(v)
			c.real, ok = r, ok && isNumber && d.typ == value.Real.String()
		}
		if !ok {
			return errNoTDigest
		}
		if weight > 0 {
			d.centroids = append(d.centroids, c)
		}
	}
	d.compress()
	return nil
}

// compress joins equal values and, if there are too many left, neighbours.
func (d *tdigest) compress() {
	slices.SortFunc(d.centroids, compareValues)
	joined := d.centroids[:0]
	total := 0.0
	for _, c := range d.centroids {
		total += c.weight
		if n := len(joined); n > 0 && compareValues(joined[n-1], c) == 0 {
			joined[n-1].weight += c.weight
			continue
		}
		joined = append(joined, c)
	}
	d.centroids = joined
	if len(joined) <= tdigestExact {
		return
	}
	var kept []centroid
	before := 0.0 // the weight of kept without its last
	for _, c := range joined {
		if n := len(kept); n > 0 {
			last := &kept[n-1]
			q := (before + (last.weight+c.weight)/2) / total
			if last.weight+c.weight <= 8*total*q*(1-q)/tdigestExact {
				last.absorb(c)
				continue
			}
			before += last.weight
		}
		kept = append(kept, c)
	}
	d.centroids = kept
}

func (d *tdigest) state() any {
	values, weights := []any{}, []any{}
	for _, c := range d.centroids {
		values = append(values, d.element(c))
		weights = append(weights, c.weight)
	}
	return []any{[]any{int64(tdigestVersion), d.typ}, values, weights}
}

// element is a centroid's value as the state holds it.
func (d *tdigest) element(c centroid) any {
	if d.typ == value.Real.String() {
		return c.real
	}
	return c.whole
}

// percentile is the value of the nearest rank; null without values.
func (d *tdigest) percentile(p float64) any {
	if len(d.centroids) == 0 {
		return nil
	}
	upTo := make([]float64, len(d.centroids))
	total := 0.0
	for i, c := range d.centroids {
		total += c.weight
		upTo[i] = total
	}
	c := d.centroids[min(sort.SearchFloat64s(upTo, p/100*total), len(upTo)-1)]
	switch d.typ {
	case value.Datetime.String():
		return value.FormatDatetime(c.whole)
	case value.Timespan.String():
		return value.FormatTimespan(c.whole)
	}
	return d.element(c)
}

// mergeTDigests merges states; nulls count for nothing.
func mergeTDigests(states []any) any {
	var all *tdigest
	for _, state := range states {
		if state == nil {
			continue
		}
		d, err := readTDigest(state)
		switch {
		case err != nil:
			return err
		case all == nil:
			all = d
		case all.typ != d.typ:
			return errors.New("the states are of values of different types")
		default:
			all.centroids = append(all.centroids, d.centroids...)
		}
	}
	if all == nil {
		return nil
	}
	all.compress()
	return all.state()
}

// rank is the weight of the values that are not greater than one of a type, or its share in percent.
func (d *tdigest) rank(text, typ string, share bool) any {
	isReal := typ == value.Real.String()
	if d.typ != typ {
		return fmt.Errorf("the value is %s and the state's values are %s: convert the value", typ, d.typ)
	}
	var limit centroid
	var err error
	if isReal {
		limit.real, err = strconv.ParseFloat(text, 64)
	} else {
		limit.whole, err = strconv.ParseInt(text, 10, 64)
	}
	if err != nil || math.IsNaN(limit.real) {
		return nil
	}
	below, total := 0.0, 0.0
	for _, c := range d.centroids {
		total += c.weight
		if compareValues(c, limit) <= 0 {
			below += c.weight
		}
	}
	if share {
		return below / total * 100
	}
	return below
}
