package converter_test

import (
	"errors"
	"testing"

	"github.com/calypso-cdc/calypso/libs/converter"
	"github.com/calypso-cdc/calypso/libs/egress"
)

func TestASchemaRegistryIsNoMetadataService(t *testing.T) {
	made, err := converter.New(converter.Value, map[string]string{
		"value.converter":                     "io.confluent.connect.avro.AvroConverter",
		"value.converter.schema.registry.url": "http://[::ffff:169.254.169.254]:80/latest",
	})
	if err != nil {
		t.Fatal(err)
	}
	var refused *egress.Refused
	if _, _, err := made.Decode("t", []byte{0, 0, 0, 0, 1, 0}); !errors.As(err, &refused) {
		t.Errorf("reading a schema: %v", err)
	}
}
