package kusto

import (
	"errors"
	"fmt"
	"net"
	"net/http"
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
		{&Error{Code: "BadRequest_MappingReferenceWasNotFound"}, MappingMissing},
		{&Error{Code: "BadRequest_FormatNotSupported"}, FormatRefused},
		{&Error{Code: "General_BadRequest", Message: "Entity ID 'T' of kind 'Table' was not found."}, TargetMissing},
		{&Error{Code: "BadRequest_InconsistentMapping"}, MappingRefused},
		{&Error{Code: "BadRequest_MissingMappingtFailure"}, MappingRefused},
		{&Error{Code: "BadRequest_InvalidMappingReference"}, MappingRefused},
		{&Error{Code: "BadRequest_ZeroRetentionPolicyWithNoUpdatePolicy"}, TargetRefused},
		{&Error{Code: "UpdatePolicy_QuerySchemaDoesNotMatchTableSchema"}, TargetRefused},
		// Access, even where it comes as a code in the status table.
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
		{&Error{Code: "ContainerNotFound", Status: 404, Message: "The specified container was not found."}, StorageMoved},
		{&Error{Code: "QueueNotFound", Status: 404}, StorageMoved},
		{&Error{Code: "AuthenticationFailed", Status: 403}, StorageMoved},
		{&Error{Err: fmt.Errorf("queueing: %w", &net.DNSError{Name: "old.blob.core.windows.net", IsNotFound: true})},
			StorageMoved},
		{&Error{Status: 404}, Again},
		{&Error{Code: "PartiallySucceeded"}, Again},
		{&Error{Code: "Something_New", Permanent: true}, Again},
		{&Error{Status: 500}, Again},
		{errors.New("connection reset"), Again},
	} {
		if got := VerdictOf(c.err); got != c.want {
			t.Errorf("%v is %s, want %s", c.err, got, c.want)
		}
		var e *Error
		if errors.As(ofIngestion(c.err), &e) && e.Permanent != (c.want != Again && c.want != AccessDenied &&
			c.want != StorageMoved) {
			t.Errorf("%v: permanent is %t", c.err, e.Permanent)
		}
	}
}

func TestWhatIsRefusedForItsSizeIsToldFromOtherRefusals(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{&Error{Status: 413}, true},
		{&Error{Code: "BadRequest_FileTooLarge"}, true},
		{&Error{Code: "BadRequest_RequestTooLarge"}, true},
		{&Error{Code: "Stream_InputStreamTooLarge"}, true},
		{&Error{Code: "Stream_DynamicPropertyBagTooLarge"}, true},
		{&Error{Code: "Stream_WrongNumberOfFields"}, false},
		{&Error{Status: 400}, false},
	} {
		if got := TooLarge(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}

func TestWhatIsRefusedOnlyWhenStreamedIsQueued(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("connection reset"), false},
		{&Error{Status: 404}, true}, // the cluster does not stream
		{&Error{Status: 413}, true},
		{&Error{Status: 503}, false},
		{&Error{Code: "BadRequest_StreamingIngestionPolicyNotEnabled", Status: 400}, true},
		{&Error{Code: "General_StreamingIngestionDisabledOnCluster", Status: 400}, true},
		{&Error{Code: "BadRequest_UpdatePolicyIncompatible", Status: 400}, true},
		{&Error{Code: "UpdatePolicy_QuerySchemaDoesNotMatchTableSchema", Status: 400}, true},
		{&Error{Code: "BadRequest_FileTooLarge", Status: 400}, true},
		{&Error{Code: "Stream_InputStreamTooLarge", Status: 400}, true},
		{&Error{Code: "Stream_WrongNumberOfFields", Status: 400}, false},
		{&Error{Code: "BadRequest_TableNotExist", Status: 400}, false},
	} {
		if got := QueueInstead(c.err); got != c.want {
			t.Errorf("%v: %t", c.err, got)
		}
	}
}

// Commands are judged by the same table as ingestions: what passes is tried again, whatever the service says of itself.
func TestACommandIsTriedAgainAfterWhatPasses(t *testing.T) {
	for _, c := range []struct {
		status    int
		code      string
		permanent bool
	}{
		{400, "BadRequest_SyntaxError", true}, {400, "BadRequest_EntityNotFound", true},
		{400, "General_RetryAttemptsExceeded", false}, {400, "Internal_ServiceError", false},
		{500, "General_InternalServerError", false}, {500, "", false}, {503, "BadRequest", false},
		{403, "Forbidden", false}, {403, "", false}, {401, "", false}, {404, "", false}, {409, "", false}, {429, "", false},
	} {
		client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			fmt.Fprintf(w, `{"error":{"code":%q,"message":"no","@permanent":true}}`, c.code)
		})
		if _, err := client.Manage(t.Context(), "db", ".show tables"); err == nil || Permanent(err) != c.permanent {
			t.Errorf("%d %s: permanent is %t", c.status, c.code, Permanent(err))
		}
	}
}

func TestAnAnswerThatIngestionTriesAgainIsNotDoubted(t *testing.T) {
	if Doubtful(ofIngestion(&Error{Status: 412, Permanent: true, Doubtful: true})) {
		t.Error("an ingestion that was refused by something unknown ends after a while")
	}
}
