package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// tooLarge begins the error of a body that is too large, which has a code of HTTP to itself.
const tooLarge = "must have no more than"

// strictJSON reads the bodies of requests under /v1. It refuses what grpc-gateway's own reader
// silently ignores: fields and names of enums that do not exist, and text after the body. Its
// errors name the field.
type strictJSON struct{ *runtime.JSONPb }

func newStrictJSON() strictJSON {
	return strictJSON{&runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{EmitUnpopulated: true}}}
}

// NewDecoder implements runtime.Marshaler. All bodies are messages: every binding in proto/ has body "*".
func (strictJSON) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, err := io.ReadAll(r)
		var large *http.MaxBytesError
		switch {
		case errors.As(err, &large):
			return fieldError{"body", fmt.Sprintf("%s %d bytes", tooLarge, large.Limit)}
		case err != nil:
			return fieldError{"body", "cannot be read: " + err.Error()}
		case len(bytes.TrimSpace(body)) == 0:
			return io.EOF // as if it were {}
		}
		m, ok := v.(proto.Message)
		if !ok {
			return fmt.Errorf("a body is read into %T, which is no message", v)
		}
		refused := protojson.Unmarshal(body, m)
		if refused == nil {
			return nil
		}
		var syntax *json.SyntaxError
		if err := json.Unmarshal(body, new(any)); errors.As(err, &syntax) {
			return fieldError{"body", fmt.Sprintf("is not JSON: %v, at byte %d", syntax, syntax.Offset)}
		}
		if wrong := wrongField(m.ProtoReflect().Descriptor(), "", body); wrong != nil {
			return *wrong
		}
		return fieldError{"body", refused.Error()}
	})
}
