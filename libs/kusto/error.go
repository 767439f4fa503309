package kusto

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/banner"
)

// Error is what the service, its storage or the way to them answered.
type Error struct {
	// Op says what was being done and to what: "ingest into shop.Orders".
	Op string
	// Code is the service's own code (BadRequest_EntityNotFound, General_ThrottledIngestion, …), empty if it gave none.
	Code string
	// Status is the HTTP status, 0 if no answer came.
	Status int
	// Silent is the host that gave no answer, if none came.
	Silent string
	// OtherServer says that something else than the service answered, or hung up.
	OtherServer bool
	// Permanent says that the same request will fail again.
	Permanent bool
	// Doubtful says that Permanent is a guess from a status of 400 to 499: neither is the code known nor does
	// the service say itself whether the failure lasts. Gateways give such answers while they are set up.
	Doubtful bool
	// RetryAfter is how long the service asks to wait, 0 if it does not say.
	RetryAfter time.Duration
	Message    string
	Err        error
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	b.WriteString(": ")
	switch {
	case e.Message != "":
		b.WriteString(e.Message)
	case e.Err != nil:
		b.WriteString(redact(e.Err.Error()))
	default:
		b.WriteString("failed")
	}
	if e.Code != "" && !strings.Contains(e.Message, e.Code) {
		fmt.Fprintf(&b, " (%s)", e.Code)
	}
	if e.Status != 0 {
		fmt.Fprintf(&b, " [HTTP %d]", e.Status)
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Permanent says that err is the service's word that trying the same again is useless.
func Permanent(err error) bool {
	var e *Error
	var trust *UntrustedHostError
	return errors.As(err, &e) && e.Permanent || errors.As(err, &trust)
}

// Doubtful says that Permanent says so of err without being sure: it is worth trying again for a while.
func Doubtful(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent && e.Doubtful
}

// Unauthorized says that the service knows us and refuses, or does not know us.
func Unauthorized(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == 401 || e.Status == 403)
}

// RetryAfter is how long the service asked to wait in err, 0 if it did not.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// SilentHost is the host that, according to err, gave no answer; empty if one came.
func SilentHost(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Silent
	}
	return ""
}

// UnknownAuthority names the issuer of a server's certificate that nobody here vouches for; empty
// where that is not the error.
func UnknownAuthority(err error) string {
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
	if !ok || unknown.Cert == nil {
		return ""
	}
	return cmp.Or(unknown.Cert.Issuer.String(), "an issuer without a name")
}

// NotFound says that a database, table, mapping or policy does not exist.
func NotFound(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	// The storage behind ingestion has codes of its own (ContainerNotFound, QueueNotFound): it has
	// moved, and the table has not.
	if e.Code != "" && !strings.HasPrefix(e.Code, "BadRequest_") && !strings.HasPrefix(e.Code, "General_") {
		return false
	}
	return strings.Contains(e.Code, "NotFound") || strings.Contains(e.Code, "NotExist") ||
		strings.Contains(e.Message, "was not found") || strings.Contains(e.Message, "could not be found")
}

// AlreadyThere says that what was to be made exists.
func AlreadyThere(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.Contains(e.Code, "AlreadyExists")
}

// Unsupported says that the server does not know the command: the Kusto emulator has no data management service.
func Unsupported(err error) bool {
	var e *Error
	return errors.As(err, &e) && (strings.Contains(e.Code, "SyntaxError") || strings.Contains(e.Code, "NotSupported") ||
		strings.Contains(e.Code, "Syntax"))
}

// wrongEndpoint is the code of commands that are for another endpoint, as its type names it.
const wrongEndpoint = "AdminCommandWrongEndpoint"

// Unmanaged says that a server has no data management service, as the Kusto emulator and the query
// endpoint of a cluster have none. Both say so of the question where to queue: as of an unknown
// command (Azure/azure-kusto-go#293, Azure/azure-kusto-python#171), or as of one for another
// endpoint (Azure/azure-kusto-python#313).
func Unmanaged(err error) bool {
	var e *Error
	return Unsupported(err) || errors.As(err, &e) && e.Code == wrongEndpoint
}

// elsewhere ends the message of what another server answered.
const elsewhere = ". Check the cluster's address, https://<cluster>.<region>.kusto.windows.net, and what stands between, such as a proxy"

// fail turns what the SDK returned, and what the transport saw of the exchange, into an Error.
func fail(ctx context.Context, op string, o *outcome, err error) error {
	if err == nil {
		return nil
	}
	var already *Error
	if errors.As(err, &already) {
		return err
	}
	var why error
	if o != nil {
		why = o.why()
	}
	if ctx.Err() != nil {
		ended := context.Cause(ctx)
		switch {
		case why == nil:
			return fmt.Errorf("%s: %w", op, ended)
		case strings.Contains(why.Error(), ended.Error()):
			return fmt.Errorf("%s: %s: %w", op, o.silentHost(), ended)
		}
		return fmt.Errorf("%s: %w; %s", op, ended, redact(why.Error()))
	}
	e := &Error{Op: op, Err: err}
	if why != nil {
		e.Silent = o.silentHost()
	}
	if o != nil && why == nil { // else the status is an earlier exchange's
		status, code, message, permanent, known, after := o.last()
		e.Status, e.Code, e.RetryAfter = status, code, after
		e.Message = redact(message)
		other := o.otherwise()
		if other != "" {
			e.Message, e.OtherServer = other+elsewhere, true
		}
		// The service's word of itself counts of a request that it refuses, where nothing more is known
		// of what it answers: its own failures (5xx) pass, whatever it calls them. What stands before
		// it does not speak for it.
		refuses := status >= 400 && status < 500 && status != 408 && status != 429
		e.Permanent = other == "" && refuses && (permanent || !known)
		e.Doubtful = e.Permanent && !known
	}
	if why != nil {
		e.Message, e.Err = redact(o.explain(err.Error(), why)), errors.Join(err, why)
		if banner.Wrong(why) { // the SDK's words around it say less
			e.Message, e.OtherServer = redact(why.Error()+elsewhere), true
		}
	}
	if issuer := UnknownAuthority(why); issuer != "" {
		e.Message = redact(fmt.Sprintf("%s: its certificate is signed by %s, which is not trusted", why, issuer))
	}
	if m, known := meaningOf(e); known {
		e.Permanent, e.Doubtful = m.verdict.lasts(), false
	}
	if e.Message == "" && strings.Contains(err.Error(), "currently not trusted") {
		e.Permanent = true
	}
	return e
}

var (
	queryString = regexp.MustCompile(`(https?://[^\s"'?]*)\?[^\s"')]*`)
	bearer      = regexp.MustCompile(`(?i)(bearer\s+)[A-Za-z0-9._~+/=-]+`)
)

// redact takes shared access signatures and bearer tokens out of a text.
func redact(s string) string {
	s = queryString.ReplaceAllString(s, "$1")
	return bearer.ReplaceAllString(s, "${1}[hidden]")
}
