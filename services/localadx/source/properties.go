package source

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/ingest"
)

// Properties say how a blob is read and what its extent is like.
type Properties struct {
	Format            ingest.Format
	MappingName       string
	MappingText       string
	Tags              []string
	IfNotExists       []string
	Created           time.Time // zero is now
	IgnoreFirstRecord bool
}

// ParseProperties reads ingestion properties; names are in lower case. Unknown ones that change what is ingested are
// errors, those that do not are left alone.
func ParseProperties(properties map[string]string) (Properties, error) {
	var p Properties
	var err error
	if p.Format, err = ingest.ParseFormat(properties["format"]); err != nil {
		return p, err
	}
	for _, name := range []string{"ingestionmappingreference", "jsonmappingreference", "csvmappingreference",
		"avromappingreference", "parquetmappingreference", "mappingreference"} {
		if p.MappingName == "" {
			p.MappingName = properties[name]
		}
	}
	for _, name := range []string{"ingestionmapping", "jsonmapping", "csvmapping", "avromapping", "parquetmapping"} {
		if p.MappingText == "" {
			p.MappingText = properties[name]
		}
	}
	if p.Tags, err = stringList("tags", properties["tags"]); err != nil {
		return p, err
	}
	if p.IfNotExists, err = stringList("ingestIfNotExists", properties["ingestifnotexists"]); err != nil {
		return p, err
	}
	if p.Created, err = creationTime(properties["creationtime"]); err != nil {
		return p, err
	}
	p.IgnoreFirstRecord = properties["ignorefirstrecord"] == "1" ||
		strings.EqualFold(properties["ignorefirstrecord"], "true")
	for _, name := range []string{"extend_schema", "recreate_schema", "zippattern"} {
		if v := properties[name]; v != "" && !strings.EqualFold(v, "false") {
			return p, propertyError("the property %s is not supported by localadx", name)
		}
	}
	return p, nil
}

// stringList reads a list of strings: JSON, as the SDKs send it within a string.
func stringList(name, text string) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var list []string
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, propertyError("the property %s is not a JSON array of strings: %v", name, err)
	}
	return list, nil
}

// creationTime reads the property; the Go SDK writes year 1 when it has none.
func creationTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		if t.Year() <= 1 {
			return time.Time{}, nil
		}
		return t.UTC(), nil
	}
	return time.Time{}, propertyError("the property creationTime is not a time of ISO 8601: '%s'", text)
}

func propertyError(format string, args ...any) error {
	return &ingest.Error{Code: ingest.CodeMessageFormat, Message: fmt.Sprintf(format, args...)}
}
