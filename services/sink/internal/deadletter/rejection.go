package deadletter

import (
	"cmp"
	"errors"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"

	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// Class is the kind of fault that a record has, as written in the headers of dead letters and in
// metrics.
type Class string

// The classes never change. A letter that another program wrote has none.
const (
	ClassUnreadable Class = "unreadable"
	ClassTransform  Class = "transform_failed"
	ClassMisfit     Class = "misfit"
	ClassTooLarge   Class = "too_large"
	ClassRefused    Class = "refused"
)

// Rejection is why a record cannot be delivered, for programs.
type Rejection struct {
	// Class is one of the classes, empty if it is not known.
	Class Class
	// Code is ADX's error code, and permanent its statement that the same will be refused again, if
	// the record got that far.
	Code      string
	Permanent bool
	// Column is the column that a value does not fit.
	Column string
}

func rejectionOf(reason error) Rejection {
	var byCluster *kusto.Error
	var byColumn *row.Refused
	var byTransform *spec.TransformError
	switch {
	case errors.As(reason, &byCluster):
		r := Rejection{Class: ClassRefused, Code: byCluster.Code, Permanent: kusto.Permanent(reason)}
		if kusto.TooLarge(reason) {
			r.Class = ClassTooLarge
		}
		return r
	case errors.As(reason, &byColumn) && byColumn.Column != "":
		r := Rejection{Class: ClassMisfit, Column: byColumn.Column}
		if byColumn.TooLarge {
			r.Class = ClassTooLarge
		}
		return r
	case errors.As(reason, new(*target.Unfit)):
		return Rejection{Class: ClassMisfit}
	case errors.As(reason, &byTransform):
		return Rejection{Class: ClassTransform}
	}
	return Rejection{Class: ClassUnreadable}
}

// Remedy says what lets a record be delivered, as the beginning of a sentence, by the reason why it
// cannot be.
func Remedy(reason error) string {
	switch rejectionOf(reason).Class {
	case ClassUnreadable:
		return "Set value.converter to what the records were written with, and transforms so that they make a row of the table (an event of Debezium with before and after takes io.debezium.transforms.ExtractNewRecordState, or table.form=changes)"
	case ClassTransform:
		return "Change the transform or the source"
	}
	return "Fix the table or the source, set values.check=null to store nulls"
}

// byCluster says that the record came as far as ADX.
func (r Rejection) byCluster() bool { return r.Code != "" || r.Class == ClassRefused }

// stage is where Kafka Connect would say that the record failed, and with which exception.
func (r Rejection) stage() (stage, exception string) {
	switch {
	case r.byCluster():
		return "TASK_PUT", cmp.Or(r.Code, "calypso.sink.Refused")
	case r.Class == ClassTransform:
		return "TRANSFORMATION", "calypso.sink.TransformFailed"
	}
	return "VALUE_CONVERTER", "calypso.sink.ValueRefused"
}
