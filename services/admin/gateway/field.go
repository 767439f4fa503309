package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// fieldError says what is wrong with a field of a request. grpc-gateway keeps only an error's text,
// from which parseFieldError restores it.
type fieldError struct {
	// As google.rpc.BadRequest writes it: tables[0].pattern, config["slot.name"].
	path    string
	problem string
}

func (e fieldError) Error() string { return fmt.Sprintf("field %q: %s", e.path, e.problem) }

var fieldErrorText = regexp.MustCompile(`(?s)^field ("(?:[^"\\]|\\.)*"): (.*)$`)

func parseFieldError(text string) (e fieldError, ok bool) {
	parts := fieldErrorText.FindStringSubmatch(text)
	if parts == nil {
		return e, false
	}
	path, err := strconv.Unquote(parts[1])
	return fieldError{path, parts[2]}, err == nil
}

// wrongField finds the innermost field of a refused message that would be refused by itself; nil if
// there is none, for instance if two fields exclude each other. What is valid is left to protojson.
func wrongField(message protoreflect.MessageDescriptor, prefix string, raw json.RawMessage) *fieldError {
	members, err := membersOf(raw)
	if err != nil {
		return &fieldError{strings.TrimSuffix(cmp.Or(prefix, "body"), "."), "must be an object, not " + kindOf(raw)}
	}
	for _, member := range members {
		field := fieldNamed(message, member.name)
		if field == nil {
			return &fieldError{prefix + shortened(member.name), "there is no such field; there are " + fieldNames(message)}
		}
		if wrong := wrongValue(field, prefix+member.name, member.value); wrong != nil {
			return wrong
		}
	}
	return nil
}

// wrongValue is wrongField for the value of one field.
func wrongValue(field protoreflect.FieldDescriptor, path string, raw json.RawMessage) *fieldError {
	accepts := func(value string) bool {
		text := fmt.Sprintf("{%q:%s}", field.JSONName(), value)
		return protojson.Unmarshal([]byte(text), dynamicpb.NewMessage(field.ContainingMessage())) == nil
	}
	if accepts(string(raw)) {
		return nil
	}
	switch {
	case field.IsMap():
		members, _ := membersOf(raw)
		for _, member := range members {
			name, _ := json.Marshal(member.name)
			if !accepts(fmt.Sprintf("{%s:%s}", name, member.value)) {
				return &fieldError{fmt.Sprintf("%s[%q]", path, shortened(member.name)),
					"must be " + wanted(field.MapValue()) + ", not " + kindOf(member.value)}
			}
		}
		return &fieldError{path, "must be an object, not " + kindOf(raw)}
	case field.IsList():
		var elements []json.RawMessage
		_ = json.Unmarshal(raw, &elements)
		for i, element := range elements {
			at := fmt.Sprintf("%s[%d]", path, i)
			if accepts("[" + string(element) + "]") {
				continue
			}
			if plainMessage(field) {
				return wrongField(field.Message(), at+".", element)
			}
			return &fieldError{at, "must be " + wanted(field) + ", not " + kindOf(element)}
		}
		return &fieldError{path, "must be a list, not " + kindOf(raw)}
	case plainMessage(field):
		return wrongField(field.Message(), path+".", raw)
	}
	return &fieldError{path, "must be " + wanted(field) + ", not " + kindOf(raw)}
}

// shortened bounds how much of a caller's made-up name an error repeats.
func shortened(name string) string {
	if len(name) <= 100 {
		return name
	}
	return strings.ToValidUTF8(name[:100], "") + "…"
}

// plainMessage reports whether a field's values are objects with the fields of their message,
// unlike those of google.protobuf.
func plainMessage(field protoreflect.FieldDescriptor) bool {
	return field.Message() != nil && field.Message().ParentFile().Package() != "google.protobuf"
}

func fieldNamed(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByTextName(name)
}

func fieldNames(message protoreflect.MessageDescriptor) string {
	var names []string
	for i := range message.Fields().Len() {
		names = append(names, message.Fields().Get(i).JSONName())
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// wanted says what form a value of a field, or an element of a list, has in JSON
// (https://protobuf.dev/programming-guides/json/).
func wanted(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind:
		return "a string"
	case protoreflect.BytesKind:
		return "a string in base64"
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return "a number"
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind, protoreflect.Uint32Kind,
		protoreflect.Fixed32Kind:
		return "a whole number of 32 bits"
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind, protoreflect.Uint64Kind,
		protoreflect.Fixed64Kind:
		return "a whole number of 64 bits, which may stand in quotes"
	case protoreflect.EnumKind:
		var names []string
		for i := range field.Enum().Values().Len() {
			names = append(names, string(field.Enum().Values().Get(i).Name()))
		}
		return "one of " + strings.Join(names, ", ")
	}
	switch field.Message().FullName() {
	case "google.protobuf.Timestamp":
		return "a time such as \"2026-01-31T23:59:59Z\""
	case "google.protobuf.Duration":
		return "a duration in seconds such as \"1.5s\""
	}
	return "an object"
}

// kindOf describes a value. It shows only short texts, such as one that is not the name or number
// that is wanted.
func kindOf(raw json.RawMessage) string {
	switch text := string(bytes.TrimSpace(raw)); {
	case strings.HasPrefix(text, "{"):
		return "an object"
	case strings.HasPrefix(text, "["):
		return "a list"
	case len(text) <= 40:
		return text
	case strings.HasPrefix(text, `"`):
		return "a long string"
	}
	return "a long number"
}

type member struct {
	name  string
	value json.RawMessage
}

// membersOf lists the members of an object in their order.
func membersOf(raw json.RawMessage) (members []member, err error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errors.New("no object")
	}
	for decoder.More() {
		var m member
		token, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		m.name, _ = token.(string)
		if err := decoder.Decode(&m.value); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	return members, nil
}
