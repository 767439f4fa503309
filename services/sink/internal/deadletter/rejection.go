package deadletter

import (
	"cmp"
	"errors"
	"strings"

	"github.com/calypso-cdc/calypso/services/sink/internal/spec"
	"github.com/calypso-cdc/calypso/services/sink/internal/target"

	sinkv1 "github.com/calypso-cdc/calypso/gen/calypso/sink/v1"
	"github.com/calypso-cdc/calypso/libs/kusto"
	"github.com/calypso-cdc/calypso/services/sink/internal/row"
)

// Classes of faults, as they stand in the headers of dead letters and in metrics: they never change.
const (
	ClassUnreadable = "unreadable"
	classTransform  = "transform_failed"
	ClassMisfit     = "misfit"
	classTooLarge   = "too_large"
	classRefused    = "refused"
)

// rejection is why a record cannot be delivered, for programs.
type rejection struct {
	// class is one of the classes, empty if it is not known.
	class string
	// code is ADX's error code and permanent its word that the same will be refused again, where the record came as far.
	code      string
	permanent bool
	// column is the column that a value does not fit.
	column string
}

func rejectionOf(reason error) rejection {
	var byCluster *kusto.Error
	var byColumn *row.Refused
	var byTransform *spec.TransformError
	switch {
	case errors.As(reason, &byCluster):
		r := rejection{class: classRefused, code: byCluster.Code, permanent: kusto.Permanent(reason)}
		if byCluster.Status == 413 || strings.Contains(byCluster.Code, "TooLarge") {
			r.class = classTooLarge
		}
		return r
	case errors.As(reason, &byColumn) && byColumn.Column != "":
		r := rejection{class: ClassMisfit, column: byColumn.Column}
		if byColumn.TooLarge {
			r.class = classTooLarge
		}
		return r
	case errors.As(reason, new(*target.Unfit)):
		return rejection{class: ClassMisfit}
	case errors.As(reason, &byTransform):
		return rejection{class: classTransform}
	}
	return rejection{class: ClassUnreadable}
}

// byCluster says that the record came as far as ADX.
func (r rejection) byCluster() bool { return r.code != "" || r.class == classRefused }

// stage is where Kafka Connect would say that the record failed, and with which exception.
func (r rejection) stage() (stage, exception string) {
	switch {
	case r.byCluster():
		return "TASK_PUT", cmp.Or(r.code, "calypso.sink.Refused")
	case r.class == classTransform:
		return "TRANSFORMATION", "calypso.sink.TransformFailed"
	}
	return "VALUE_CONVERTER", "calypso.sink.ValueRefused"
}

// shown is the class as callers see it.
func (r rejection) shown() sinkv1.DeadLetterClass {
	switch r.class {
	case ClassUnreadable:
		return sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_UNREADABLE
	case classTransform:
		return sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_TRANSFORM_FAILED
	case ClassMisfit:
		return sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_MISFIT
	case classTooLarge:
		return sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_TOO_LARGE
	case classRefused:
		return sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_REFUSED
	}
	return sinkv1.DeadLetterClass_DEAD_LETTER_CLASS_UNSPECIFIED
}
