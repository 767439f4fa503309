package kusto

import (
	"errors"
	"net/http"
	"strings"
)

// Verdict is what the service's answer to an ingestion means for who sent the rows.
type Verdict int

const (
	// Again says nothing against the rows or the target: the same rows are to be sent again under the same tag. It is also what is not known.
	Again Verdict = iota
	// Present says that the table has rows under this tag already.
	Present
	// RowsRefused says that the service has read the rows and cannot take them, while it may take some of them without the others.
	RowsRefused
	// TargetMissing says that there is no such database, table or mapping.
	TargetMissing
	// MappingRefused says that the mapping does not fit the table or the format.
	MappingRefused
	// AccessDenied says that the service does not know the sender, or that a role is missing.
	AccessDenied
	// TargetRefused says that the database or the table is set up so that it takes nothing, whatever the rows.
	TargetRefused
	// Unstreamable says that the table, the cluster or the size of the request rules streaming out, which queued ingestion does not share.
	Unstreamable
)

// String is the verdict for logs.
func (v Verdict) String() string {
	return [...]string{"again", "present", "rows refused", "target missing", "mapping refused", "access denied", "target refused", "unstreamable"}[v]
}

// verdicts are what the ingestion error codes mean here. A code's word of itself, permanent or not, is not enough: access that is denied and a cluster that
// gave up after its own tries are called permanent too. Sources: learn.microsoft.com/azure/data-explorer/error-codes, in its editions of
// 2020 and 2026; the codes that azure-kusto-java and azure-kusto-spark look for.
var verdicts = map[string]Verdict{
	"Skipped_IngestByTagAlreadyExists":                   Present,
	"BlobAlreadyReceived_BlobAlreadyFoundInBatch":        Present,
	"BadRequest_InvalidBlob":                             RowsRefused,
	"BadRequest_EmptyBlob":                               RowsRefused,
	"BadRequest_EmptyArchive":                            RowsRefused,
	"BadRequest_InvalidArchive":                          RowsRefused,
	"BadRequest_NoRecordsOrWrongFormat":                  RowsRefused,
	"BadRequest_UnexpectedCharacterInInputStream":        RowsRefused,
	"BadRequest_FileTooLarge":                            RowsRefused,
	"BadRequest_RequestTooLarge":                         RowsRefused,
	"BadRequest_DatabaseNotExist":                        TargetMissing,
	"BadRequest_TableNotExist":                           TargetMissing,
	"BadRequest_EntityNotFound":                          TargetMissing,
	"BadRequest_MappingReferenceWasNotFound":             TargetMissing,
	"BadRequest_InvalidMapping":                          MappingRefused,
	"BadRequest_InvalidMappingReference":                 MappingRefused,
	"BadRequest_EmptyMappingReference":                   MappingRefused,
	"BadRequest_InconsistentMapping":                     MappingRefused,
	"BadRequest_DuplicateMapping":                        MappingRefused,
	"BadRequest_MissingMapping":                          MappingRefused,
	"BadRequest_MissingMappingFailure":                   MappingRefused,
	"BadRequest_MissingMappingtFailure":                  MappingRefused, // as the service spells it
	"BadRequest_MissingJsonMappingtFailure":              MappingRefused,
	"BadRequest_FormatNotSupported":                      MappingRefused,
	"Forbidden":                                          AccessDenied,
	"BadRequest_DatabaseAccessDenied":                    AccessDenied,
	"BadRequest_TableAccessDenied":                       AccessDenied,
	"BadRequest_InvalidKustoIdentityToken":               AccessDenied,
	"BadRequest_EntityNameIsNotValid":                    TargetRefused,
	"BadRequest_InvalidOrEmptyTableName":                 TargetRefused,
	"BadRequest_EmptyDatabaseName":                       TargetRefused,
	"BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy":   TargetRefused,
	"BadRequest_CreationTimeEarlierThanSoftDeletePeriod": TargetRefused,
	"UpdatePolicy_QuerySchemaDoesNotMatchTableSchema":    TargetRefused,
	"UpdatePolicy_Cyclic_Update_Not_Allowed":             TargetRefused,
	"Schema_PermanentUpdateFailure":                      TargetRefused,
	"BadRequest_StreamingIngestionPolicyNotEnabled":      Unstreamable,
}

// VerdictOf says what err, of Enqueue, Wait, Stream or Inline, means. nil is Present.
func VerdictOf(err error) Verdict {
	var e *Error
	switch {
	case err == nil:
		return Present
	case !errors.As(err, &e):
		return Again
	}
	if v, known := verdicts[e.Code]; known {
		return v
	}
	switch {
	case strings.HasPrefix(e.Code, "Skipped_"):
		return Present
	case strings.HasPrefix(e.Code, "Stream_"):
		return RowsRefused
	case strings.Contains(e.Code, "StreamingIngestionPolicyNotEnabled"), strings.Contains(e.Code, "StreamingIngestionDisabled"):
		return Unstreamable
	case NotFound(err):
		return TargetMissing
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return AccessDenied
	}
	return Again
}

// ofIngestion makes Permanent of an ingestion's error say what its verdict is: what the service says of its code is not enough.
func ofIngestion(err error) error {
	var e *Error
	if errors.As(err, &e) {
		switch VerdictOf(e) {
		case Again, AccessDenied:
			e.Permanent = false
		default:
			e.Permanent = true
		}
	}
	return err
}

// UnstreamableBecause reports whether a refusal of a streamed request does not hold for a queued one: besides Unstreamable, what
// azure-kusto-java falls back to the queue for.
func UnstreamableBecause(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	if VerdictOf(err) == Unstreamable || e.Status == http.StatusNotFound || e.Status == http.StatusRequestEntityTooLarge {
		return true
	}
	for _, part := range []string{"UpdatePolicyIncompatible", "QuerySchemaDoesNotMatchTableSchema", "FileTooLarge", "InputStreamTooLarge"} {
		if strings.Contains(e.Code, part) {
			return true
		}
	}
	return false
}
