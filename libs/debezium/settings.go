package debezium

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/record"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// settings reads connector settings and remembers the first that is wrong.
type settings struct {
	given map[string]string
	err   error
}

func (s *settings) fail(key string, err error) {
	if s.err == nil {
		s.err = catalogue.Problemf(key, "setting %s=%q: %w", key, s.given[key], err)
	}
}

func (s *settings) text(key, def string) string {
	if v, ok := s.given[key]; ok {
		return v
	}
	return def
}

func (s *settings) flag(key string, def bool) bool {
	v, ok := s.given[key]
	if !ok {
		return def
	}
	switch strings.ToLower(strings.TrimSpace(v)) {
	case "true":
		return true
	case "false":
		return false
	}
	s.fail(key, fmt.Errorf("it must be true or false"))
	return def
}

func (s *settings) number(key string, def int) int {
	v, ok := s.given[key]
	if !ok {
		return def
	}
	n, err := strconv.Atoi(strings.TrimSpace(v))
	if err != nil {
		s.fail(key, fmt.Errorf("it must be a whole number"))
	}
	return n
}

func (s *settings) patterns(key string) javaregex.List {
	ps, err := javaregex.ParseList(s.given[key])
	if err != nil {
		s.fail(key, err)
	}
	return ps
}

// choice reads one of a few words; the first is the default.
func choice[T ~string](s *settings, key string, allowed ...T) T {
	v, ok := s.given[key]
	if !ok {
		return allowed[0]
	}
	for _, a := range allowed {
		if strings.EqualFold(string(a), strings.TrimSpace(v)) {
			return a
		}
	}
	s.fail(key, fmt.Errorf("it must be one of %v", allowed))
	return allowed[0]
}

// ConfigFrom reads the Config from connector settings, whose keys and defaults are Debezium's;
// record.ConverterFrom names the converter keys, transform.FromSettings those of transforms. Keys
// of our own are unchanged.columns.list, before.known.only and unknown.datatypes.as.text (all false
// by default). Task and Run are left for the caller.
func ConfigFrom(given map[string]string) (Config, error) {
	s := &settings{given: given}
	c := Config{
		Prefix:           s.text("topic.prefix", s.text("database.server.name", "")),
		Database:         s.text("database.dbname", ""),
		Delimiter:        s.text("topic.delimiter", "."),
		TransactionTopic: s.text("topic.transaction", "transaction"),
		HeartbeatPrefix:  s.text("topic.heartbeat.prefix", s.text("heartbeat.topics.prefix", "__debezium-heartbeat")),
		HeartbeatName:    s.text("topic.heartbeat.name", ""),

		Decimal: choice(s, "decimal.handling.mode", DecimalPrecise, DecimalDouble, DecimalString),
		Time: choice(s, "time.precision.mode", TimeAdaptive, TimeAdaptiveMicroseconds, TimeConnect, TimeISOString,
			TimeMicroseconds,
			TimeNanoseconds),
		Interval:            choice(s, "interval.handling.mode", IntervalNumeric, IntervalString),
		Binary:              choice(s, "binary.handling.mode", BinaryBytes, BinaryBase64, BinaryBase64URLSafe, BinaryHex),
		HStore:              choice(s, "hstore.handling.mode", HStoreJSON, HStoreMap),
		MoneyFractionDigits: s.number("money.fraction.digits", 2),
		IncludeUnknown:      s.flag("include.unknown.datatypes", false),
		UnknownAsText:       s.flag("unknown.datatypes.as.text", false),
		TombstonesOnDelete:  s.flag("tombstones.on.delete", true),
		SkipUnchanged:       s.flag("skip.messages.without.change", false),
		TransactionMetadata: s.flag("provide.transaction.metadata", false),
		ExtendedHeaders:     s.flag("extended.headers.enabled", true),
		SchemaNameAdjustment: choice(s, "schema.name.adjustment.mode", record.AdjustNone, record.AdjustAvro,
			record.AdjustAvroUnicode),
		FieldNameAdjustment: choice(s, "field.name.adjustment.mode", record.AdjustNone, record.AdjustAvro,
			record.AdjustAvroUnicode),
		ListUnchanged:    s.flag("unchanged.columns.list", false),
		KnownBefore:      s.flag("before.known.only", false),
		FailOnConversion: choice(s, "event.converting.failure.handling.mode", "warn", "fail", "skip") == "fail",
		MessageInclude:   s.patterns("message.prefix.include.list"),
		MessageExclude:   s.patterns("message.prefix.exclude.list"),
	}
	c.Unavailable = s.placeholder()
	c.Skipped = s.skipped()
	c.Columns = s.columns()
	var err error
	if c.KeyColumns, err = ParseKeyRules(given["message.key.columns"]); err != nil {
		s.fail("message.key.columns", err)
	}
	if c.Key, err = record.ConverterFrom(given, "key.converter", true); err != nil {
		s.fail("key.converter", err)
	}
	if c.Value, err = record.ConverterFrom(given, "value.converter", false); err != nil {
		s.fail("value.converter", err)
	}
	if c.Transforms, err = transform.FromSettings(given); err != nil {
		if problem, ok := errors.AsType[catalogue.Problem](err); ok && s.err == nil {
			s.err = problem
		}
		s.fail("transforms", err)
	}
	return c, s.err
}

// placeholder reads unavailable.value.placeholder, whose prefix "hex:" gives bytes.
func (s *settings) placeholder() []byte {
	const key = "unavailable.value.placeholder"
	text := s.text(key, s.text("toasted.value.placeholder", "__debezium_unavailable_value"))
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		b, err := hex.DecodeString(digits)
		if err != nil {
			s.fail(key, err)
		}
		return b
	}
	return []byte(text)
}

// skipped reads skipped.operations: letters separated by commas, t by default.
func (s *settings) skipped() Ops {
	const key = "skipped.operations"
	var ops Ops
	for _, name := range strings.Split(s.text(key, "t"), ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "c", "u", "d", "t", "r", "m":
			ops = ops.With(Op(name[0]))
		case "none", "":
		default:
			s.fail(key, fmt.Errorf("%q is none of c, u, d, t and none", name))
		}
	}
	return ops
}

var (
	truncateKey = regexp.MustCompile(`^column\.truncate\.to\.(\d+)\.chars$`)
	maskKey     = regexp.MustCompile(`^column\.mask\.with\.(\d+)\.chars$`)
	hashKey     = regexp.MustCompile(`^column\.mask\.hash\.(v2\.)?([^.]+)\.with\.salt\.(.+)$`)
)

// columns reads the column filters and mappings. Among mappings the order of kinds is Debezium's:
// truncate, mask, propagate, hash; the first that matches a column is the only one that acts on it.
func (s *settings) columns() ColumnRules {
	rules := ColumnRules{
		Include: s.patterns(firstKey(s.given, "column.include.list", "column.whitelist")),
		Exclude: s.patterns(firstKey(s.given, "column.exclude.list", "column.blacklist")),
	}
	keys := make([]string, 0, len(s.given))
	for k := range s.given {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	var truncate, mask, hash []ColumnMapping
	for _, k := range keys {
		if m := truncateKey.FindStringSubmatch(k); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil {
				s.fail(k, err)
			}
			truncate = append(truncate, ColumnMapping{Columns: s.patterns(k), Truncate: &n})
		} else if m := maskKey.FindStringSubmatch(k); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || n > 1<<20 {
				s.fail(k, fmt.Errorf("the number of characters is too large"))
				continue
			}
			stars := strings.Repeat("*", n)
			mask = append(mask, ColumnMapping{Columns: s.patterns(k), Mask: &stars})
		} else if m := hashKey.FindStringSubmatch(k); m != nil {
			hash = append(hash, ColumnMapping{Columns: s.patterns(k),
				Hash: &HashMapping{Algorithm: m[2], Salt: m[3], V2: m[1] != ""}})
		}
	}
	rules.Mappings = append(truncate, mask...)
	for _, k := range []string{"column.propagate.source.type", "datatype.propagate.source.type"} {
		if ps := s.patterns(k); len(ps) > 0 {
			rules.Mappings = append(rules.Mappings, ColumnMapping{Columns: ps, ByType: strings.HasPrefix(k, "datatype"),
				Propagate: true})
		}
	}
	rules.Mappings = append(rules.Mappings, hash...)
	return rules
}

// firstKey returns the first of the names that is set, the first if none is.
func firstKey(given map[string]string, names ...string) string {
	for _, n := range names {
		if _, ok := given[n]; ok {
			return n
		}
	}
	return names[0]
}
