package spec

import "github.com/calypso-cdc/calypso/libs/connector/catalogue"

// Class is the connector class that configurations name.
const Class = "io.debezium.connector.postgresql.PostgresConnector"

// Catalogue declares every key that a capture connector reads, or knows but does not support.
func Catalogue() (*catalogue.Catalogue, error) {
	r := newReading()
	keys, err := catalogue.New(r.framework.Keys(), r.declared)
	if err != nil {
		return nil, err
	}
	return keys.Reading(func(v catalogue.Values) any {
		s, _ := read(v) // faults are reported where the configuration is checked
		return s
	}), nil
}
