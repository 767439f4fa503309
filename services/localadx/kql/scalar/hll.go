package scalar

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// A HyperLogLog state is the dynamic value [[version, precision], [hashes], [registers]], the shape
// Kusto shows: up to hllSparse distinct hashes are kept as they are (64 bits do not fit a JSON
// number, so as text) and count exactly; with more, only the 2^precision registers are kept and the
// count is an estimate.
const (
	hllVersion = 1024
	hllSparse  = 1024
)

// hlls are the functions over HyperLogLog states. hll_of makes one of a list of distinct hashes,
// hll_union merges a list.
func hlls() []Function {
	return []Function{
		define("hll_of(elements, long) dynamic", func(a []any) any {
			precision, ok := hllPrecisions[a[1].(int64)]
			if !ok {
				return errors.New("the accuracy must be from 0 to 4")
			}
			h := &hll{precision: precision, hashes: map[uint64]bool{}}
			for _, v := range list(a[0]) {
				if err := h.addText(v); err != nil {
					return err
				}
			}
			return h.state()
		}),
		define("hll_union(elements) dynamic", func(a []any) any { return mergeHLLs(list(a[0])) }),
		define("hll_intersection(elements) dynamic", func(a []any) any { return intersectHLLs(list(a[0])) }),
		define("dcount_hll(dynamic) long+", func(a []any) any {
			h, err := readHLL(a[0])
			if err != nil {
				return err
			}
			return h.count()
		}),
	}
}

// hllPrecisions are the bits of a register's number, by the accuracy that hll() and dcount() take.
var hllPrecisions = map[int64]int{0: 12, 1: 14, 2: 16, 3: 17, 4: 18}

// hll is a decoded state. Exactly one of hashes and registers is set.
type hll struct {
	precision int
	hashes    map[uint64]bool
	registers []byte
}

var errNoHLL = errors.New("the argument is not the result of hll() or hll_merge()")

func readHLL(v any) (*hll, error) {
	parts := list(v)
	if len(parts) != 3 {
		return nil, errNoHLL
	}
	head := list(parts[0])
	if len(head) != 2 || head[0] != int64(hllVersion) {
		return nil, errNoHLL
	}
	precision, _ := head[1].(int64)
	if precision < 12 || precision > 18 {
		return nil, errNoHLL
	}
	h := &hll{precision: int(precision), hashes: map[uint64]bool{}}
	if registers := list(parts[2]); len(registers) > 0 {
		if len(registers) != 1<<precision {
			return nil, errNoHLL
		}
		h.hashes, h.registers = nil, make([]byte, len(registers))
		for i, r := range registers {
			n, ok := r.(int64)
			if !ok || n < 0 || n > 64 {
				return nil, errNoHLL
			}
			h.registers[i] = byte(n)
		}
	}
	for _, text := range list(parts[1]) {
		if err := h.addText(text); err != nil {
			return nil, err
		}
	}
	return h, nil
}

func (h *hll) addText(v any) error {
	text, _ := v.(string)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errNoHLL
	}
	h.add(uint64(n))
	return nil
}

func (h *hll) add(hash uint64) {
	if h.registers != nil {
		i := hash >> (64 - h.precision)
		rank := byte(min(bits.LeadingZeros64(hash<<h.precision), 64-h.precision) + 1)
		h.registers[i] = max(h.registers[i], rank)
		return
	}
	h.hashes[hash] = true
	if len(h.hashes) > hllSparse {
		h.spread()
	}
}

// spread turns hashes into registers.
func (h *hll) spread() {
	hashes := h.hashes
	h.hashes, h.registers = nil, make([]byte, 1<<h.precision)
	for hash := range hashes {
		h.add(hash)
	}
}

// state encodes h; equal sets have equal states.
func (h *hll) state() any {
	hashes, registers := []any{}, []any{}
	for _, hash := range sortedHashes(h.hashes) {
		hashes = append(hashes, strconv.FormatInt(hash, 10))
	}
	for _, r := range h.registers {
		registers = append(registers, int64(r))
	}
	return []any{[]any{int64(hllVersion), int64(h.precision)}, hashes, registers}
}

// count is exact for hashes. For registers it is the estimate of Flajolet et al., "HyperLogLog: the analysis of a
// near-optimal cardinality estimation algorithm", with linear counting while many registers are empty.
func (h *hll) count() int64 {
	if h.registers == nil {
		return int64(len(h.hashes))
	}
	m := float64(len(h.registers))
	sum, empty := 0.0, 0
	for _, r := range h.registers {
		sum += math.Ldexp(1, -int(r))
		if r == 0 {
			empty++
		}
	}
	estimate := 0.7213 / (1 + 1.079/m) * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		estimate = m * math.Log(m/float64(empty))
	}
	return int64(math.Round(estimate))
}

// mergeHLLs merges states; nulls count for nothing.
func mergeHLLs(states []any) any {
	var all *hll
	for _, state := range states {
		if state == nil {
			continue
		}
		h, err := readHLL(state)
		switch {
		case err != nil:
			return err
		case all == nil:
			all = h
		case all.precision != h.precision:
			return errors.New("the states were made with different accuracies")
		default:
			all.merge(h)
		}
	}
	if all == nil {
		return nil
	}
	return all.state()
}

func (h *hll) merge(other *hll) {
	for hash := range other.hashes {
		h.add(hash)
	}
	if other.registers == nil {
		return
	}
	if h.registers == nil {
		h.spread()
	}
	for i, r := range other.registers {
		h.registers[i] = max(h.registers[i], r)
	}
}

func sortedHashes(set map[uint64]bool) []int64 {
	out := make([]int64, 0, len(set))
	for hash := range set {
		out = append(out, int64(hash))
	}
	slices.Sort(out)
	return out
}

// intersectHLLs counts what the first one, two, three … states have in common; a null is an empty state.
func intersectHLLs(states []any) any {
	var common map[uint64]bool
	counts := []any{}
	for i, state := range states {
		h := &hll{hashes: map[uint64]bool{}}
		if state != nil {
			var err error
			if h, err = readHLL(state); err != nil {
				return err
			}
		}
		if h.registers != nil {
			return fmt.Errorf("an intersection of states of more than %d values is not supported", hllSparse)
		}
		if i == 0 {
			common = h.hashes
		} else {
			maps.DeleteFunc(common, func(hash uint64, _ bool) bool { return !h.hashes[hash] })
		}
		counts = append(counts, int64(len(common)))
	}
	return counts
}
