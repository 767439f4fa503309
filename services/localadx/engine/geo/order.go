package geo

import (
	"encoding/binary"
	"slices"
)

// hashOrder returns distinct texts in the order in which Kusto lists cells: that of an
// unordered_set of libstdc++ made for that many strings and filled in the given order.
// Documentation promises no order, but the engine always yields this one, and answers that index or
// collect such a list depend on it.
//
// The set is a list with entry points: the first text of a bucket goes to the front of the list, a further one before
// those that its bucket holds. A bucket is the hash modulo a prime of libstdc++'s table that is not below the size.
func hashOrder(texts []string) []string {
	at, _ := slices.BinarySearch(bucketCounts, len(texts))
	if at == len(bucketCounts) {
		return texts
	}
	count := uint64(bucketCounts[at])
	type link struct {
		text string
		next int // index of the next link, or -1
	}
	links := make([]link, len(texts))
	first := -1
	before := make(map[uint64]int, len(texts)) // bucket → the link before its first, or -1 for the front
	for i, text := range texts {
		bucket := hashText(text) % count
		if previous, ok := before[bucket]; !ok {
			links[i] = link{text, first}
			if first >= 0 {
				before[hashText(links[first].text)%count] = i
			}
			first = i
			before[bucket] = -1
		} else if previous < 0 {
			links[i] = link{text, first}
			first = i
		} else {
			links[i] = link{text, links[previous].next}
			links[previous].next = i
		}
	}
	out := make([]string, 0, len(texts))
	for i := first; i >= 0; i = links[i].next {
		out = append(out, links[i].text)
	}
	return out
}

// hashText is libstdc++'s hash of a string: MurmurHash64A with its seed.
func hashText(text string) uint64 {
	const mul, shift, seed = 0xc6a4a7935bd1e995, 47, 0xc70f6907
	h := uint64(seed) ^ uint64(len(text))*mul
	b := []byte(text)
	for ; len(b) >= 8; b = b[8:] {
		k := binary.LittleEndian.Uint64(b) * mul
		k ^= k >> shift
		h = (h ^ k*mul) * mul
	}
	if len(b) > 0 {
		var last [8]byte
		copy(last[:], b)
		h = (h ^ binary.LittleEndian.Uint64(last[:])) * mul
	}
	h ^= h >> shift
	h *= mul
	return h ^ h>>shift
}

// bucketCounts are the bucket counts of libstdc++'s hash tables; longer lists keep their order.
var bucketCounts = []int{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	103, 109, 113, 127, 137, 139, 149,
	157, 167, 179, 193, 199, 211, 227, 241, 257, 277, 293, 313, 337, 359, 383, 409, 439, 467, 503, 541, 577, 619, 661, 709,
	761, 823, 887, 953, 1031, 1109,
	1193, 1289, 1381, 1493, 1613, 1741, 1879, 2029, 2179, 2357, 2549, 2753, 2971, 3209, 3469, 3739, 4027, 4349, 4703, 5087,
	5503, 5953, 6427, 6949, 7517,
	8123, 8783, 9497, 10273, 11113, 12011, 12983, 14033, 15173, 16411, 17749, 19183, 20753, 22447, 24281, 26267, 28411,
	30727, 33223, 35933, 38873, 42043,
	45481, 49201, 53201, 57557, 62233, 67307, 72817, 78779, 85229, 92203, 99733, 107897, 116731, 126271, 136607}
