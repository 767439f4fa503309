package ledger

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Cut is a range of offsets: First to End-1.
type Cut struct {
	First int64
	End   int64
	// Bare says that the cut was recorded when names did not include the consumer group. It keeps
	// the name that it may have been sent under.
	Bare bool
}

func (c Cut) String() string { return fmt.Sprintf("%d-%d", c.First, c.End-1) }

// MaxMetadata is how many bytes of metadata a commit may carry: Event Hubs takes 1024
// (offset.metadata.max.bytes; Apache Kafka 4096 by default). That is room for some 200 cuts, where
// four are in flight.
const MaxMetadata = 1000

// Ledger holds one partition's cuts. One goroutine owns it.
type Ledger struct {
	// topic is the id of the topic whose offsets these are; empty on brokers that give topics none.
	topic string
	// committed is the offset below which every row is in the target; -1 until a first offset is known.
	committed int64
	// cuts are contiguous from committed on, in order.
	cuts []state
	// open is the index in cuts of the cut whose rows are being gathered; len(cuts) when they belong to no cut yet.
	open int
}

type state struct {
	Cut
	done bool
}

// New starts without a committed offset: the first record's offset becomes the beginning. topic is
// the id of the topic.
func New(topic string) *Ledger { return &Ledger{topic: topic, committed: -1} }

// Metadata is "calypso3:<topic id>:<lengths of cuts>", where the length of a bare cut has a minus
// sign. In earlier versions all cuts were bare: "calypso2:<topic id>:<lengths>", and
// "calypso1:<lengths>" where topics have no ids.
const (
	signature = "calypso"
	latest    = 3
)

// content is what our metadata says; version is 0 for metadata of other origin.
type content struct {
	version     int
	topic, cuts string
	// whole says that nothing is missing that the version has.
	whole bool
}

func contentOf(metadata string) (c content) {
	rest, ours := strings.CutPrefix(metadata, signature)
	number, rest, whole := strings.Cut(rest, ":")
	n, err := strconv.ParseUint(number, 10, 31)
	switch {
	case !ours || err != nil || n == 0:
		return content{}
	case n == 1:
		return content{1, "", rest, whole}
	}
	c.version = int(n)
	if n <= latest {
		c.topic, c.cuts, c.whole = strings.Cut(rest, ":")
		c.whole = c.whole && (c.topic == "" || isID(c.topic))
	}
	return c
}

// isID reports whether text may be a topic's id: 16 bytes in base64.
func isID(text string) bool {
	id, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(id) == 16
}

// TopicOf is the id of the topic that metadata was committed for; empty if it does not say.
func TopicOf(metadata string) string {
	if c := contentOf(metadata); c.whole {
		return c.topic
	}
	return ""
}

// Restore starts from a committed offset and the metadata that was committed with it. Metadata of
// other origin holds no cuts. Metadata that cannot be read, or that a later version has written, is
// refused: if cuts were forgotten, their rows could come twice.
func Restore(topic string, committed int64, metadata string) (*Ledger, error) {
	l := &Ledger{topic: topic, committed: committed}
	c := contentOf(metadata)
	if c.version > latest {
		return nil, fmt.Errorf("a later version of Calypso has noted its batches with offset %d: %.100q", committed, metadata)
	}
	unreadable := fmt.Errorf("the batches that are noted with offset %d cannot be read: %.100q", committed, metadata)
	switch {
	case c.version == 0:
		return l, nil
	case !c.whole:
		return nil, unreadable
	case c.cuts == "":
		return l, nil
	}
	first := committed
	for length := range strings.SplitSeq(c.cuts, ",") {
		bare := c.version < 3
		if !bare {
			length, bare = strings.CutPrefix(length, "-")
		}
		n, err := strconv.ParseUint(length, 36, 63)
		if err != nil || n == 0 || first+int64(n) < first {
			return nil, unreadable
		}
		l.cuts = append(l.cuts, state{Cut: Cut{first, first + int64(n), bare}})
		first += int64(n)
	}
	return l, nil
}

// End is the offset after the last cut that is recorded or closed; the committed offset if there is none.
func (l *Ledger) End() int64 {
	if n := len(l.cuts); n > 0 {
		return l.cuts[n-1].End
	}
	return l.committed
}

// Metadata writes the topic's id and the cuts beyond the committed offset, to be committed with it;
// empty if there are none.
func (l *Ledger) Metadata() string {
	if l.topic == "" && len(l.cuts) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(signature + strconv.Itoa(latest) + ":" + l.topic + ":")
	for i, c := range l.cuts {
		if i > 0 {
			b.WriteByte(',')
		}
		if c.Bare {
			b.WriteByte('-')
		}
		b.WriteString(strconv.FormatInt(c.End-c.First, 36))
	}
	return b.String()
}

// Full reports whether another cut might not fit into a commit's metadata. It is called for each
// record, and most ledgers have few cuts.
func (l *Ledger) Full() bool {
	const prefix, cut = 64, 16 // what the topic's id and one cut take at most
	return prefix+len(l.cuts)*cut > MaxMetadata && len(l.Metadata()) > MaxMetadata-cut
}

// Begin tells the first offset where none is known.
func (l *Ledger) Begin(offset int64) {
	if l.committed < 0 {
		l.committed = offset
	}
}

// Known reports whether the partition's beginning is known.
func (l *Ledger) Known() bool { return l.committed >= 0 }

// Committed is the offset that may be committed; -1 if none is known.
func (l *Ledger) Committed() int64 { return l.committed }

// First is the offset at which the open range begins.
func (l *Ledger) First() int64 {
	switch {
	case l.open < len(l.cuts):
		return l.cuts[l.open].First
	case l.open > 0:
		return l.cuts[l.open-1].End
	}
	return l.committed
}

// Limit is where the open range must end, if it was cut before.
func (l *Ledger) Limit() (end int64, recorded bool) {
	if l.open < len(l.cuts) {
		return l.cuts[l.open].End, true
	}
	return 0, false
}

// Close ends the open range before end. A range that was cut before ends where it did.
func (l *Ledger) Close(end int64) (Cut, error) {
	if limit, recorded := l.Limit(); recorded {
		if end != limit {
			return Cut{}, fmt.Errorf("range from %d was recorded to end before %d and cannot end before %d",
				l.First(), limit, end)
		}
		l.open++
		return l.cuts[l.open-1].Cut, nil
	}
	if end <= l.First() {
		return Cut{}, fmt.Errorf("range from %d cannot end before %d", l.First(), end)
	}
	c := Cut{First: l.First(), End: end}
	l.cuts = append(l.cuts, state{Cut: c})
	l.open++
	return c, nil
}

// Split replaces a closed cut by two, before and from middle. It reports false, and
// changes nothing, if there is no such cut or if a commit's metadata has no room for one more.
func (l *Ledger) Split(c Cut, middle int64) bool {
	if middle <= c.First || middle >= c.End || l.Full() {
		return false
	}
	for i := range l.open {
		if l.cuts[i].Cut == c && !l.cuts[i].done {
			l.cuts[i].End = middle
			l.cuts = slices.Insert(l.cuts, i+1, state{Cut: Cut{middle, c.End, c.Bare}})
			l.open++
			return true
		}
	}
	return false
}

// Done notes that the rows of a cut, or of all its parts, are in the target or otherwise accounted
// for, and moves the committed offset over every done cut that nothing earlier holds back. It
// returns whether the offset moved.
func (l *Ledger) Done(c Cut) (moved bool) {
	for i := range l.cuts {
		if l.cuts[i].First >= c.First && l.cuts[i].End <= c.End {
			l.cuts[i].done = true
		}
	}
	for len(l.cuts) > 0 && l.cuts[0].done && l.open > 0 {
		l.committed = l.cuts[0].End
		l.cuts = l.cuts[1:]
		l.open--
		moved = true
	}
	return moved
}

// DoneBefore notes that what a closed cut, or its parts, has before an offset is in the target or
// otherwise accounted for, and returns whether the committed offset moved. Where a commit's metadata
// has no room for one more cut, only whole parts are noted.
func (l *Ledger) DoneBefore(c Cut, offset int64) (moved bool) {
	for i := range l.open {
		if part := l.cuts[i].Cut; part.First >= c.First && part.First < offset && offset < part.End {
			l.Split(part, offset)
			break
		}
	}
	return l.Done(Cut{First: c.First, End: offset})
}

// Pending is how many closed cuts are not committed.
func (l *Ledger) Pending() int { return l.open }
