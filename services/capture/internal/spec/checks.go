package spec

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

func port(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not a port: want a number from 1 to 65535", value)
	}
	return nil
}

var slotPattern = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func slotName(value string) error {
	if !slotPattern.MatchString(value) {
		return catalogue.Fault(
			"Valid replication slot name must contain only digits, lowercase characters and underscores with length <= 63")
	}
	return nil
}

func protocol(value string) error {
	if n, err := strconv.Atoi(value); err != nil || n < 1 || n > 4 {
		return fmt.Errorf("%q is not a protocol version: want 1 to 4", value)
	}
	return nil
}
