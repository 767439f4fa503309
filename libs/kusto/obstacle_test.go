package kusto

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
)

// The words of an answer, and names in it that others chose, say nothing.
func TestWhatStandsInTheWayIsSaidByCodesAndStatuses(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		header [2]string
		want   Obstacle
	}{
		"too many requests": {status: 429, want: Throttling},
		"throttled ingestion": {status: 400, body: `{"error":{"code":"General_ThrottledIngestion","message":"m"}}`,
			want: Throttling},
		"busy storage": {status: 503, header: [2]string{"x-ms-error-code", "ServerBusy"}, want: Throttling},
		"forbidden":    {status: 403, body: `{"error":{"code":"Forbidden","message":"m"}}`, want: Denial},
		"table access": {status: 400, body: `{"error":{"code":"BadRequest_TableAccessDenied","message":"m"}}`,
			want: Denial},
		"unknown application": {status: 400,
			body: `{"error":"unauthorized_client","error_description":"AADSTS700016: no such application","error_codes":[700016]}`, want: Denial},
		"wrong secret": {status: 401,
			body: `{"error":"invalid_client","error_description":"AADSTS7000215: wrong","error_codes":[7000215]}`, want: Denial},
		"missing table": {status: 400, body: `{"error":{"code":"BadRequest_EntityNotFound","message":"m"}}`,
			want: Absence},
		"missing mapping": {status: 400,
			body: `{"error":{"code":"BadRequest_MappingReferenceWasNotFound","message":"m"}}`, want: Absence},
		"a proxy's 404": {status: 404, body: "nothing here", want: Mistaken},
		"an outage": {status: 500,
			body: `{"error":{"code":"Internal_ServiceError","message":"forbidden, throttled, 429 and not there"}}`,
			want: Failing},
		"a table by such name": {status: 503,
			body: `{"error":{"code":"General_ServiceUnavailable","message":"table throttled of Forbidden.AADSTS50001"}}`,
			want: Failing},
	} {
		t.Run(name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				if c.header[0] != "" {
					w.Header().Set(c.header[0], c.header[1])
				}
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.body)
			})
			_, err := client.Manage(t.Context(), "d", ".show tables")
			if got := ObstacleOf(err); got != c.want {
				t.Errorf("%d, want %d: %v", got, c.want, err)
			}
		})
	}
	if got := ObstacleOf(errors.New("[HTTP 429] TooManyRequests")); got != Unrelated {
		t.Errorf("an error of something else: %d", got)
	}
}
