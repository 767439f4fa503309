package record_test

import (
	"errors"
	"testing"

	"github.com/calypso-cdc/calypso/libs/egress"
	"github.com/calypso-cdc/calypso/libs/record"
)

func TestASchemaRegistryIsNoMetadataService(t *testing.T) {
	converter, err := record.ConverterFrom(map[string]string{
		"value.converter":                     "io.confluent.connect.avro.AvroConverter",
		"value.converter.schema.registry.url": "http://[::ffff:169.254.169.254]:80/latest",
	}, "value.converter", false)
	if err != nil {
		t.Fatal(err)
	}
	var refused *egress.Refused
	if _, _, err := converter.Decode("t", []byte{0, 0, 0, 0, 1, 0}); !errors.As(err, &refused) {
		t.Errorf("reading a schema: %v", err)
	}
}
