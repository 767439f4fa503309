package kafka

import "testing"

func FuzzSpansOf(f *testing.F) {
	f.Add(make([]byte, headerLength))
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 49, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 9})
	f.Fuzz(func(t *testing.T, batches []byte) {
		spans, err := spansOf(batches)
		if err == nil && len(batches) > 0 && len(spans) == 0 {
			t.Fatal("bytes that say nothing are no error")
		}
		for _, s := range spans {
			if s.first < 0 || s.last < s.first || s.records < 0 {
				t.Fatalf("%+v", s)
			}
		}
	})
}
