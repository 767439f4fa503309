package kusto

import (
	"errors"
	"net"
	"net/http"
	"path"
	"strings"
)

// Verdict is what the service's answer to an ingestion means for who sent the rows.
type Verdict int

const (
	// Again says nothing against the rows or the target: the same rows are to be sent again under
	// the same tag. It is also what is not known.
	Again Verdict = iota
	// Present says that the table has rows under this tag already.
	Present
	// RowsRefused says that the service has read the rows and cannot take them, while it may take
	// some of them without the others.
	RowsRefused
	// TargetMissing says that there is no such database or table.
	TargetMissing
	// MappingMissing says that there is no such mapping.
	MappingMissing
	// MappingRefused says that the mapping does not fit the table or the format.
	MappingRefused
	// FormatRefused says that the service does not know the format.
	FormatRefused
	// AccessDenied says that the service does not know the sender, or that a role is missing.
	AccessDenied
	// TargetRefused says that the database or the table is set up so that it takes nothing, whatever the rows.
	TargetRefused
	// Unstreamable says that the table, the cluster or the size of the request rules streaming out,
	// which queued ingestion does not share.
	Unstreamable
	// StorageMoved says that the storage in front of queued ingestion, for which the service hands
	// out the addresses, has others now.
	StorageMoved
)

// String is the verdict for logs.
func (v Verdict) String() string {
	return [...]string{"again", "present", "rows refused", "target missing", "mapping missing", "mapping refused",
		"format refused", "access denied", "target refused", "unstreamable", "storage moved"}[v]
}

// lasts reports whether the same request would get the same answer. A role takes minutes to arrive,
// and new storage has to be asked for.
func (v Verdict) lasts() bool { return v != Again && v != AccessDenied && v != StorageMoved }

// meaning is what an answer means, and whether it refuses a streamed request for a reason that a
// queued one does not share: those that azure-kusto-java falls back to the queue for.
type meaning struct {
	verdict Verdict
	queues  bool
}

// byCode are the meanings of error codes; * stands for any text, and the first that matches counts.
// A code's word of itself, permanent or not, is not enough: access that is denied and a cluster
// that gave up after its own tries are called permanent too. Sources:
// learn.microsoft.com/azure/data-explorer/error-codes, in its editions of 2020 and 2026; the codes
// that azure-kusto-java and azure-kusto-spark look for;
// learn.microsoft.com/rest/api/storageservices, the error codes of blobs, queues and tables.
var byCode = []struct {
	code string
	meaning
}{
	// of a streamed request, which has no tag, it says nothing,
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
	{"General_RetryAttemptsExceeded", meaning{Again, false}}, // after tries of its own; called permanent
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
	{"AuthenticationFailed", meaning{StorageMoved, false}}, // of a signature that has ended or whose key was changed
}

// byStatus are the meanings of HTTP statuses that came without a code that is known. 404 is a
// cluster that does not stream, or a way to it that is not there for the moment.
var byStatus = map[int]meaning{
	http.StatusUnauthorized:          {AccessDenied, false},
	http.StatusForbidden:             {AccessDenied, false},
	http.StatusNotFound:              {Again, true},
	http.StatusConflict:              {Again, false},
	http.StatusRequestEntityTooLarge: {Again, true},
}

// meaningOf says what an answer means; known is false if neither its code nor its status is.
func meaningOf(e *Error) (m meaning, known bool) {
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

// VerdictOf says what err means, which the service gave to an ingestion. nil is Present, and what
// is not known is Again.
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

// QueueInstead reports whether an ingestion that was refused when it was streamed may be taken when it is queued.
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

// ofIngestion makes Permanent of an ingestion's error say what its verdict is: of a code that is
// not known, what the service says of it is not enough.
func ofIngestion(err error) error {
	var e *Error
	if errors.As(err, &e) {
		e.Permanent = VerdictOf(e).lasts()
		e.Doubtful = e.Doubtful && e.Permanent
	}
	return err
}
