package spec

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

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

// oneTable refuses several signal tables: signals would come from the first only.
func oneTable(list string) error {
	if n := len(catalogue.Items(strings.TrimRight(list, ", "))); n > 1 {
		return fmt.Errorf("%d tables are named; signals come from one", n)
	}
	return nil
}

// firstTable is the first item of a list.
func firstTable(list string) (string, error) {
	if tables := catalogue.Items(list); len(tables) > 0 {
		return tables[0], nil
	}
	return "", nil
}

var identityPattern = regexp.MustCompile(`(?i)^\s*[^\s:]+:(DEFAULT|INDEX \w\S*|FULL|NOTHING)\s*$`)

// identities refuses malformed items of replica.identity.autoset.values, in Debezium's words.
func identities(list string) error {
	for _, item := range strings.Split(strings.TrimRight(list, ","), ",") {
		if !identityPattern.MatchString(item) && strings.Trim(list, ",") != "" {
			return fmt.Errorf("%s has an invalid format (expecting '<table>:DEFAULT|INDEX <name>|FULL|NOTHING')", item)
		}
	}
	return nil
}
