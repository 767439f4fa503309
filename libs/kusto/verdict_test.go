package kusto

import (
	"errors"
	"testing"
)

func TestEachCodeOfAnIngestionMeansOneThing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Verdict
	}{
		{nil, Present},
		{&Error{Code: "Skipped_IngestByTagAlreadyExists"}, Present},
		{&Error{Code: "Skipped_Something"}, Present},
		{&Error{Code: "BlobAlreadyReceived_BlobAlreadyFoundInBatch"}, Present},
		// Rows were read.
		{&Error{Code: "Stream_WrongNumberOfFields"}, RowsRefused},
		{&Error{Code: "Stream_ClosingQuoteMissing"}, RowsRefused},
		{&Error{Code: "Stream_InputStreamTooLarge"}, RowsRefused},
		{&Error{Code: "Stream_DynamicPropertyBagTooLarge"}, RowsRefused},
		{&Error{Code: "BadRequest_InvalidBlob"}, RowsRefused},
		{&Error{Code: "BadRequest_NoRecordsOrWrongFormat"}, RowsRefused},
		{&Error{Code: "BadRequest_UnexpectedCharacterInInputStream"}, RowsRefused},
		{&Error{Code: "BadRequest_FileTooLarge"}, RowsRefused},
		// The target.
		{&Error{Code: "BadRequest_TableNotExist"}, TargetMissing},
		{&Error{Code: "BadRequest_MappingReferenceWasNotFound"}, TargetMissing},
		{&Error{Code: "General_BadRequest", Message: "Entity ID 'T' of kind 'Table' was not found."}, TargetMissing},
		{&Error{Code: "BadRequest_InconsistentMapping"}, MappingRefused},
		{&Error{Code: "BadRequest_MissingMappingtFailure"}, MappingRefused},
		{&Error{Code: "BadRequest_InvalidMappingReference"}, MappingRefused},
		{&Error{Code: "BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy"}, TargetRefused},
		{&Error{Code: "UpdatePolicy_QuerySchemaDoesNotMatchTableSchema"}, TargetRefused},
		// Access, also where it comes as a code in the status table.
		{&Error{Code: "Forbidden"}, AccessDenied},
		{&Error{Code: "BadRequest_TableAccessDenied"}, AccessDenied},
		{&Error{Code: "BadRequest_DatabaseAccessDenied"}, AccessDenied},
		{&Error{Code: "BadRequest_InvalidKustoIdentityToken"}, AccessDenied},
		{&Error{Status: 403}, AccessDenied},
		// The service could not, whatever it says of itself.
		{&Error{Code: "General_RetryAttemptsExceeded", Permanent: true}, Again},
		{&Error{Code: "General_AbandonedIngestion"}, Again},
		{&Error{Code: "General_ThrottledIngestion"}, Again},
		{&Error{Code: "Download_Forbidden", Permanent: true}, Again},
		{&Error{Code: "Download_SourceNotFound", Permanent: true}, Again},
		{&Error{Code: "ContainerNotFound", Status: 404, Message: "The specified container was not found."}, Again},
		{&Error{Code: "QueueNotFound", Status: 404}, Again},
		{&Error{Code: "PartiallySucceeded"}, Again},
		{&Error{Code: "Something_New", Permanent: true}, Again},
		{&Error{Status: 500}, Again},
		{errors.New("connection reset"), Again},
	} {
		if got := VerdictOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
		var e *Error
		if errors.As(ofIngestion(c.err), &e) && e.Permanent != (c.want != Again && c.want != AccessDenied) {
			t.Errorf("%v: permanent is %t", c.err, e.Permanent)
		}
	}
}
