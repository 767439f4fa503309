package debezium

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/javaregex"
	"github.com/calypso-cdc/calypso/libs/transform"
)

// ConfigFrom reads a Config from settings that no connector has declared and checked. The caller
// must set Task and Run.
func ConfigFrom(given map[string]string) (Config, error) {
	var c Config
	keys := c.Keys()
	declared, err := catalogue.New(keys)
	if err != nil {
		return c, err
	}
	own := maps.Clone(given)
	maps.DeleteFunc(own, func(name, _ string) bool { _, known := declared.Lookup(name); return !known })
	values, _, problems := declared.Parse(own)
	for _, problem := range problems {
		if _, wrong := given[problem.Key]; wrong { // and not merely missing
			return c, problem
		}
	}
	if err := catalogue.Fill(values, keys); err != nil {
		return c, err
	}
	return c, c.ReadConverters(given)
}

// ReadConverters reads the converters and transforms that settings name.
func (c *Config) ReadConverters(given map[string]string) error {
	key, err := converter.New(converter.Key, given)
	if err != nil {
		return err
	}
	value, err := converter.New(converter.Value, given)
	if err != nil {
		return err
	}
	c.Key, c.Value = key.Converter, value.Converter
	if c.Transforms, err = transform.FromSettings(given); err != nil {
		if problem, ok := errors.AsType[catalogue.Problem](err); ok {
			return problem
		}
		return catalogue.Problemf(catalogue.TransformsKey, "%w", err)
	}
	return nil
}

// parsePlaceholder reads unavailable.value.placeholder, whose prefix "hex:" gives bytes.
func parsePlaceholder(text string) ([]byte, error) {
	if digits, ok := strings.CutPrefix(text, "hex:"); ok {
		return hex.DecodeString(digits)
	}
	return []byte(text), nil
}

// parseOps reads the letters of operations, separated by commas.
func parseOps(list string) (Ops, error) {
	var ops Ops
	for name := range strings.SplitSeq(list, ",") {
		switch name = strings.ToLower(strings.TrimSpace(name)); name {
		case "c", "u", "d", "t", "r", "m":
			ops = ops.With(Op(name[0]))
		case "none", "":
		default:
			return ops, fmt.Errorf("%q is not c, u, d, t or none", name)
		}
	}
	return ops, nil
}

var (
	charsMember = regexp.MustCompile(`^(\d+)\.chars$`)
	hashMember  = regexp.MustCompile(`^(v2\.)?([^.]+)\.with\.salt\.(.+)$`)
)

// mostMaskChars limits a mask's length, so that it cannot fill memory.
const mostMaskChars = 1 << 20

// parseTruncations reads column.truncate.to.<n>.chars.
func parseTruncations(members map[string]string) ([]ColumnMapping, error) {
	return parseMappings("column.truncate.to.", members, charsMember, func(found []string, m *ColumnMapping) error {
		n, err := strconv.Atoi(found[1])
		m.Truncate = &n
		return err
	})
}

// parseMasks reads column.mask.with.<n>.chars.
func parseMasks(members map[string]string) ([]ColumnMapping, error) {
	return parseMappings("column.mask.with.", members, charsMember, func(found []string, m *ColumnMapping) error {
		n, err := strconv.Atoi(found[1])
		if err != nil || n > mostMaskChars {
			return errors.New("the number of characters is too large")
		}
		m.Mask = new(strings.Repeat("*", n))
		return nil
	})
}

// parseHashes reads column.mask.hash.<algorithm>.with.salt.<salt> and column.mask.hash.v2.….
func parseHashes(members map[string]string) ([]ColumnMapping, error) {
	return parseMappings("column.mask.hash.", members, hashMember, func(found []string, m *ColumnMapping) error {
		m.Hash = &HashMapping{Algorithm: found[2], Salt: found[3], V2: found[1] != ""}
		return nil
	})
}

// parseMappings reads the members of a family whose names match form, in the order of their names;
// others have no effect. act fills in the action that a name asks for.
func parseMappings(prefix string, members map[string]string, form *regexp.Regexp,
	act func(found []string, m *ColumnMapping) error) ([]ColumnMapping, error) {
	var mappings []ColumnMapping
	for _, name := range slices.Sorted(maps.Keys(members)) {
		found := form.FindStringSubmatch(name)
		if found == nil {
			continue
		}
		columns, err := javaregex.ParseList(members[name])
		mapping := ColumnMapping{Columns: columns}
		if err == nil {
			err = act(found, &mapping)
		}
		if err != nil {
			return nil, catalogue.Problemf(prefix+name, "%s%s: %w", prefix, name, err)
		}
		mappings = append(mappings, mapping)
	}
	return mappings, nil
}
