package ingest

// Codes of ingestion errors, ADX's ("Ingestion error codes" in its documentation).
const (
	CodeInvalidFormat    = "BadRequest_FormatNotSupported"
	CodeInvalidBlob      = "BadRequest_InvalidBlob"
	CodeFileTooLarge     = "BadRequest_FileTooLarge"
	CodeEmptyBlob        = "BadRequest_EmptyBlob"
	CodeNoRecords        = "BadRequest_NoRecordsOrWrongFormat"
	CodeInvalidMapping   = "BadRequest_InvalidMapping"
	CodeMappingNotFound  = "BadRequest_MappingReferenceWasNotFound"
	CodeMissingMapping   = "BadRequest_MissingMapping"
	CodeTableAccess      = "BadRequest_TableAccessDenied"
	CodeRetriesExceeded  = "General_RetryAttemptsExceeded"
	CodeTagExists        = "Skipped_IngestByTagAlreadyExists"
	CodeTableNotFound    = "BadRequest_TableNotExist"
	CodeDatabaseNotFound = "BadRequest_DatabaseNotExist"
	CodeWrongFields      = "Stream_WrongNumberOfFields"
	CodeMessageFormat    = "BadRequest_InvalidMessage"
	CodeRowTooLarge      = "Stream_InputStreamTooLarge"
	CodeBlobNotFound     = "Download_SourceNotFound"
	CodeDownload         = "Download_UnknownError"
	CodeDuplicateBlob    = "BlobAlreadyReceived_BlobAlreadyFoundInBatch"
	CodeUpdatePolicy     = "UpdatePolicy_FailedDescendantTransaction"
	CodeInternal         = "General_InternalServerError"
)

// Error is a source that cannot be ingested.
type Error struct {
	Code    string
	Message string
	// Transient is set when the same source may succeed later.
	Transient bool
}

// Error returns code and message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }
