package kusto

import (
	"errors"
	"net"
	"net/http"
	"path"
	"strings"
)

// Verdict is what the service's answer to an ingestion means for the sender of the rows.
type Verdict int

const (
	// Again says nothing against the rows or the target: send the same rows again under the same tag.
	// It is also the verdict for unknown answers.
	Again Verdict = iota
	// Present means that the table has rows under this tag already.
	Present
	// RowsRefused means that the service has read the rows and cannot accept them all, but may accept
	// some of them without the others.
	RowsRefused
	// TargetMissing means that there is no such database or table.
	TargetMissing
	// MappingMissing means that there is no such mapping.
	MappingMissing
	// MappingRefused means that the mapping does not fit the table or the format.
	MappingRefused
	// FormatRefused means that the service does not know the format.
	FormatRefused
	// AccessDenied means that the service does not know the sender, or that a role is missing.
	AccessDenied
	// TargetRefused means that the database or the table is configured to accept nothing, whatever the
	// rows.
	TargetRefused
	// Unstreamable means that the table, the cluster or the size of the request rules out streaming,
	// but not queued ingestion.
	Unstreamable
	// StorageMoved means that the storage for queued ingestion has new addresses, which the service
	// hands out.
	StorageMoved
)

// String returns the verdict for logs.
func (v Verdict) String() string {
	return [...]string{"again", "present", "rows refused", "target missing", "mapping missing", "mapping refused",
		"format refused", "access denied", "target refused", "unstreamable", "storage moved"}[v]
}

// lasts reports whether the same request would get the same answer. A role takes minutes to become
// effective, and the new address of storage can be asked for.
func (v Verdict) lasts() bool { return v != Again && v != AccessDenied && v != StorageMoved }

// meaning is what an answer means, and whether it refuses a streamed request for a reason that does
// not apply to a queued one: for these azure-kusto-java falls back to the queue.
type meaning struct {
	verdict Verdict
	queues  bool
}

// byCode lists the meanings of error codes; * matches any text, and the first match counts. The
// service's own statement about permanence is not enough: it also calls denied access, and giving
// up after its own retries, permanent. Sources:
// learn.microsoft.com/azure/data-explorer/error-codes, in its editions of 2020 and 2026; the codes
// that azure-kusto-java and azure-kusto-spark look for;
// learn.microsoft.com/rest/api/storageservices, the error codes of blobs, queues and tables.
var byCode = []struct {
	code string
	meaning
}{
	// means nothing for a streamed request, which has no tag
	{"Skipped_IngestByTagAlreadyExists", meaning{Present, true}},
	{"BlobAlreadyReceived_BlobAlreadyFoundInBatch", meaning{Present, true}},
	{"BadRequest_InvalidBlob", meaning{RowsRefused, false}},
	{"BadRequest_EmptyBlob", meaning{RowsRefused, false}},
	{"BadRequest_EmptyArchive", meaning{RowsRefused, false}},
	{"BadRequest_InvalidArchive", meaning{RowsRefused, false}},
	{"BadRequest_NoRecordsOrWrongFormat", meaning{RowsRefused, false}},
	{"BadRequest_UnexpectedCharacterInInputStream", meaning{RowsRefused, false}},
	{"BadRequest_FileTooLarge", meaning{RowsRefused, true}},
	{"BadRequest_RequestTooLarge", meaning{RowsRefused, true}},
	{"BadRequest_DatabaseNotExist", meaning{TargetMissing, false}},
	{"BadRequest_TableNotExist", meaning{TargetMissing, false}},
	{"BadRequest_EntityNotFound", meaning{TargetMissing, false}},
	{"BadRequest_MappingReferenceWasNotFound", meaning{MappingMissing, false}},
	{"BadRequest_InvalidMapping", meaning{MappingRefused, false}},
	{"BadRequest_InvalidMappingReference", meaning{MappingRefused, false}},
	{"BadRequest_EmptyMappingReference", meaning{MappingRefused, false}},
	{"BadRequest_InconsistentMapping", meaning{MappingRefused, false}},
	{"BadRequest_DuplicateMapping", meaning{MappingRefused, false}},
	{"BadRequest_MissingMapping", meaning{MappingRefused, false}},
	{"BadRequest_MissingMappingFailure", meaning{MappingRefused, false}},
	{"BadRequest_MissingMappingtFailure", meaning{MappingRefused, false}}, // as the service spells it
	{"BadRequest_MissingJsonMappingtFailure", meaning{MappingRefused, false}},
	{"BadRequest_FormatNotSupported", meaning{FormatRefused, false}},
	{"Forbidden", meaning{AccessDenied, false}},
	{"BadRequest_DatabaseAccessDenied", meaning{AccessDenied, false}},
	{"BadRequest_TableAccessDenied", meaning{AccessDenied, false}},
	{"BadRequest_InvalidKustoIdentityToken", meaning{AccessDenied, false}},
	{"BadRequest_EntityNameIsNotValid", meaning{TargetRefused, false}},
	{"BadRequest_InvalidOrEmptyTableName", meaning{TargetRefused, false}},
	{"BadRequest_EmptyDatabaseName", meaning{TargetRefused, false}},
	{"BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy", meaning{TargetRefused, false}},
	{"BadRequest_CreationTimeEarlierThanSoftDeletePeriod", meaning{TargetRefused, false}},
	{"UpdatePolicy_QuerySchemaDoesNotMatchTableSchema", meaning{TargetRefused, true}},
	{"UpdatePolicy_Cyclic_Update_Not_Allowed", meaning{TargetRefused, false}},
	{"Schema_PermanentUpdateFailure", meaning{TargetRefused, false}},
	{"*StreamingIngestionPolicyNotEnabled*", meaning{Unstreamable, true}},
	{"*StreamingIngestionDisabled*", meaning{Unstreamable, true}},
	{"*UpdatePolicyIncompatible*", meaning{TargetRefused, true}},
	{"*QuerySchemaDoesNotMatchTableSchema*", meaning{TargetRefused, true}},
	{"*FileTooLarge*", meaning{RowsRefused, true}},
	{"*InputStreamTooLarge*", meaning{RowsRefused, true}},
	{"General_RetryAttemptsExceeded", meaning{Again, false}}, // after retries of its own; called permanent
	{"Internal_*", meaning{Again, false}},
	{"Skipped_*", meaning{Present, true}},
	{"Stream_*", meaning{RowsRefused, false}},
	{"ContainerNotFound", meaning{StorageMoved, false}},
	{"ContainerBeingDeleted", meaning{StorageMoved, false}},
	{"ContainerDisabled", meaning{StorageMoved, false}},
	{"QueueNotFound", meaning{StorageMoved, false}},
	{"QueueBeingDeleted", meaning{StorageMoved, false}},
	{"QueueDisabled", meaning{StorageMoved, false}},
	{"TableNotFound", meaning{StorageMoved, false}},
	{"TableBeingDeleted", meaning{StorageMoved, false}},
	{"AccountIsDisabled", meaning{StorageMoved, false}},
	{"AuthenticationFailed", meaning{StorageMoved, false}}, // a signature that has expired or whose key was changed
}

// byStatus lists the meanings of HTTP statuses without a known code. 404 is a cluster that does not
// stream, or a route to it that is missing for the moment.
var byStatus = map[int]meaning{
	http.StatusUnauthorized:          {AccessDenied, false},
	http.StatusForbidden:             {AccessDenied, false},
	http.StatusNotFound:              {Again, true},
	http.StatusConflict:              {Again, false},
	http.StatusRequestEntityTooLarge: {Again, true},
}

// meaningOf returns what an answer means; known is false if neither its code nor its status is
// known.
func meaningOf(e *Error) (m meaning, known bool) {
	if e.OtherServer { // whose words are not the service's
		return meaning{Again, false}, false
	}
	for _, row := range byCode {
		if matches, err := path.Match(row.code, e.Code); err == nil && matches {
			return row.meaning, true
		}
	}
	var name *net.DNSError
	switch {
	case NotFound(e):
		return meaning{TargetMissing, e.Status == http.StatusNotFound}, true
	case e.Status == 0 && errors.As(e.Err, &name) && name.IsNotFound:
		return meaning{StorageMoved, false}, true
	}
	m, known = byStatus[e.Status]
	return m, known
}

// VerdictOf returns what err, the service's answer to an ingestion, means. nil is Present, and an
// unknown error is Again.
func VerdictOf(err error) Verdict {
	var e *Error
	switch {
	case err == nil:
		return Present
	case !errors.As(err, &e):
		return Again
	}
	m, _ := meaningOf(e)
	return m.verdict
}

// QueueInstead reports whether an ingestion that was refused when it was streamed may be accepted
// when it is queued.
func QueueInstead(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	m, _ := meaningOf(e)
	return m.queues
}

// TooLarge reports whether an ingestion was refused for the size of its rows or of the request.
func TooLarge(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == http.StatusRequestEntityTooLarge || strings.Contains(e.Code, "TooLarge"))
}

// ofIngestion makes Permanent of an ingestion's error agree with its verdict: for an unknown code,
// the service's own statement is not enough.
func ofIngestion(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Permanent = VerdictOf(e).lasts()
		e.Doubtful = e.Doubtful && e.Permanent
	}
	return err
}
