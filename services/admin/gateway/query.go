package gateway

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// strictQuery reads the parameters of requests without a body. It refuses those that do not exist,
// and names what is wrong.
type strictQuery struct{ runtime.DefaultQueryParser }

// Parse implements runtime.QueryParameterParser.
func (q strictQuery) Parse(message proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	descriptor := message.ProtoReflect().Descriptor()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		field := parameterNamed(descriptor, name)
		if field == nil {
			return fieldError{shortened(strings.ToValidUTF8(name, "\uFFFD")), "there is no such parameter"}
		}
		for _, value := range values[name] {
			if !utf8.ValidString(value) {
				return fieldError{name, "must be valid UTF-8"}
			}
			if q.DefaultQueryParser.Parse(dynamicpb.NewMessage(descriptor), url.Values{name: {value}}, filter) != nil {
				quoted, _ := json.Marshal(value)
				return fieldError{name, "must be " + wanted(field) + ", not " + kindOf(quoted)}
			}
		}
	}
	return q.DefaultQueryParser.Parse(message, values, filter)
}

// parameterNamed finds the field of a parameter such as filter.topic.
func parameterNamed(message protoreflect.MessageDescriptor, path string) (field protoreflect.FieldDescriptor) {
	for name := range strings.SplitSeq(path, ".") {
		if message == nil {
			return nil
		}
		if field = fieldNamed(message, name); field == nil {
			return nil
		}
		message = field.Message()
	}
	return field
}
