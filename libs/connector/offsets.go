package connector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"
)

// OffsetKey is the record key of a source offset as Kafka Connect writes it: ["connector",{"server":"x"}], with the
// keys of the partition sorted and no spaces, so that the same partition always compacts to one record.
func OffsetKey(connector string, partition map[string]any) []byte {
	key, err := marshal([]any{connector, partition})
	if err != nil {
		panic(fmt.Sprintf("connector: an offset's partition must be JSON: %v", err))
	}
	return key
}

// OffsetKeyOf is OffsetKey for a partition in JSON.
func OffsetKeyOf(connector string, partition []byte) ([]byte, error) {
	fields, err := decodeObject(partition)
	if err != nil {
		return nil, err
	}
	return OffsetKey(connector, fields), nil
}

// ParseOffsetKey splits a record key of the offsets topic into the connector's name and the canonical JSON of the
// partition.
func ParseOffsetKey(key []byte) (connector string, partition []byte, err error) {
	var parts []json.RawMessage
	if err := json.Unmarshal(key, &parts); err != nil || len(parts) != 2 {
		return "", nil, fmt.Errorf("key of an offset is %.200q, want [\"connector\",{partition}]", key)
	}
	if err := json.Unmarshal(parts[0], &connector); err != nil {
		return "", nil, fmt.Errorf("key of an offset is %.200q, want the connector's name first: %w", key, err)
	}
	partition, err = canonical(parts[1])
	if err != nil {
		return "", nil, fmt.Errorf("key of an offset is %.200q, want an object as partition: %w", key, err)
	}
	return connector, partition, nil
}

// exactInteger is the largest magnitude up to which a double, and so a number of a Struct, holds every integer.
const exactInteger = 1 << 53

// largeNumber is the only field of an object that stands for a number which a double cannot hold;
// its value is the digits as text. Text that looks like a number stays text, so that what was read
// can be written back.
const largeNumber = "$number"

// OffsetStruct turns the JSON of a partition or an offset into a message. A number that a double cannot hold becomes
// {"$number": "<its digits>"}; OffsetJSON turns that back.
func OffsetStruct(object []byte) (*structpb.Struct, error) {
	fields, err := decodeObject(object)
	if err != nil {
		return nil, err
	}
	return structpb.NewStruct(withExactNumbers(fields).(map[string]any))
}

// OffsetJSON is the canonical JSON (sorted keys, no spaces) of a partition or an offset.
func OffsetJSON(object *structpb.Struct) ([]byte, error) {
	return marshal(withBareNumbers(object.AsMap()))
}

func withExactNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, field := range value {
			value[key] = withExactNumbers(field)
		}
	case []any:
		for i, item := range value {
			value[i] = withExactNumbers(item)
		}
	case json.Number:
		if n, err := value.Int64(); err == nil {
			if n > exactInteger || n < -exactInteger {
				return map[string]any{largeNumber: value.String()}
			}
			return float64(n)
		}
		f, err := value.Float64()
		if err != nil || strconv.FormatFloat(f, 'f', -1, 64) != value.String() &&
			strconv.FormatFloat(f, 'g', -1, 64) != value.String() {
			return map[string]any{largeNumber: value.String()}
		}
		return f
	}
	return value
}

func withBareNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		if digits, ok := value[largeNumber].(string); ok && len(value) == 1 && jsonNumber(digits) {
			return json.Number(digits)
		}
		for key, field := range value {
			value[key] = withBareNumbers(field)
		}
	case []any:
		for i, item := range value {
			value[i] = withBareNumbers(item)
		}
	case float64:
		if value == math.Trunc(value) && math.Abs(value) <= exactInteger {
			return int64(value)
		}
	}
	return value
}

// jsonNumber reports whether a text is a number as JSON writes it.
func jsonNumber(text string) bool {
	return text != "" && (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && json.Valid([]byte(text))
}

// canonical is a JSON object with sorted keys and without spaces; numbers keep their digits.
func canonical(object []byte) ([]byte, error) {
	fields, err := decodeObject(object)
	if err != nil {
		return nil, err
	}
	return marshal(fields)
}

func decodeObject(object []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return nil, fmt.Errorf("%.200q is not a JSON object: %w", object, err)
	}
	if fields == nil {
		return nil, fmt.Errorf("%.200q is not a JSON object", object)
	}
	return fields, nil
}

// marshal is json.Marshal without HTML escapes, which Kafka Connect does not make.
func marshal(value any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
