package ingest

import (
	"errors"
	"fmt"
	"io"

	"github.com/calypso-cdc/calypso/services/localadx/ingest/avro"
)

// maxText bounds what all records of a file become, in bytes of JSON; a source may be as large.
const maxText = 6 << 30

// avro reads an Avro object container file: each record becomes JSON and is read as that.
func (r *reading) avro(source io.Reader) error {
	file, err := avro.NewReader(source, avro.Options{Limit: maxRow, Total: maxText, Base64: r.plan.base64})
	if err != nil {
		return avroError(err, "The source is not an Avro container file")
	}
	defer file.Close()
	records := &recordReader{root: r.plan.root, row: r.row}
	for {
		record, err := file.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return avroError(err, fmt.Sprintf("Record %d is not valid Avro", r.records+1))
		}
		r.begin()
		if end := records.read(record, 0); end < 0 {
			return r.invalidRecord("it cannot be written as JSON")
		}
		if err := r.done(); err != nil {
			return err
		}
	}
}

// avroError words a failure to read a file; errors of the source underneath stay what they are.
func avroError(err error, what string) error {
	var known *Error
	if errors.As(err, &known) {
		return err
	}
	return &Error{Code: CodeInvalidBlob, Message: what + ": " + err.Error()}
}
