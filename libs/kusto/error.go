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

// Error is an error of the service, of its storage, or of the way to them.
type Error struct {
	// Op is what was being done, and to what: "ingest into shop.Orders".
	Op string
	// Code is the service's own code (BadRequest_EntityNotFound, General_ThrottledIngestion, …), empty if it gave none.
	Code string
	// Status is the HTTP status, 0 if no answer came.
	Status int
	// Silent is the host that gave no answer, if none came.
	Silent string
	// OtherServer is true if another server answered, or ended the connection.
	OtherServer bool
	// Permanent is true if the same request will fail again.
	Permanent bool
	// Doubtful is true if Permanent is a guess from a status of 400 to 499: the code is unknown, and
	// the service does not say whether the failure lasts. Gateways give such answers while they are
	// being set up.
	Doubtful bool
	// RetryAfter is how long the service asks to wait, 0 if it does not ask.
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

// Permanent reports whether err means that trying the same request again is useless.
func Permanent(err error) bool {
	var e *Error
	var trust *UntrustedHostError
	return errors.As(err, &e) && e.Permanent || errors.As(err, &trust)
}

// Doubtful reports whether Permanent is not sure about err: it is worth trying again for a while.
func Doubtful(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Permanent && e.Doubtful
}

// Unauthorized reports whether the service refuses the client's identity, or does not know it.
func Unauthorized(err error) bool {
	var e *Error
	return errors.As(err, &e) && (e.Status == 401 || e.Status == 403)
}

// RetryAfter returns how long the service asked to wait, 0 if it did not.
func RetryAfter(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// SilentHost returns the host that, according to err, did not answer; empty if it did.
func SilentHost(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Silent
	}
	return ""
}

// UnknownAuthority returns the issuer of a server's certificate that is not trusted; empty if that
// is not the error.
func UnknownAuthority(err error) string {
	unknown, ok := errors.AsType[x509.UnknownAuthorityError](err)
	if !ok || unknown.Cert == nil {
		return ""
	}
	return cmp.Or(unknown.Cert.Issuer.String(), "an issuer without a name")
}

// NotFound reports whether a database, table, mapping or policy does not exist.
func NotFound(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.OtherServer {
		return false
	}
	// The storage behind ingestion has codes of its own (ContainerNotFound, QueueNotFound): these mean
	// that the storage has moved, not that the table is missing.
	if e.Code != "" && !strings.HasPrefix(e.Code, "BadRequest_") && !strings.HasPrefix(e.Code, "General_") {
		return false
	}
	return strings.Contains(e.Code, "NotFound") || strings.Contains(e.Code, "NotExist") ||
		strings.Contains(e.Message, "was not found") || strings.Contains(e.Message, "could not be found")
}

// missingDatabase are the words with which a server says that it has no such database.
var missingDatabase = regexp.MustCompile(`(?i)\bdatabase '[^']*' (could not be|was not) found|of kind 'database' was not found`)

// DatabaseNotFound reports whether what does not exist is the database itself.
func DatabaseNotFound(err error) bool {
	var e *Error
	return NotFound(err) && errors.As(err, &e) &&
		(strings.Contains(e.Code, "DatabaseNotExist") || missingDatabase.MatchString(e.Message))
}

// AlreadyThere reports whether the object to be created exists already.
func AlreadyThere(err error) bool {
	var e *Error
	return errors.As(err, &e) && strings.Contains(e.Code, "AlreadyExists")
}

// Unsupported reports whether the server does not know the command: the Kusto emulator has no data
// management service.
func Unsupported(err error) bool {
	var e *Error
	return errors.As(err, &e) && (strings.Contains(e.Code, "SyntaxError") || strings.Contains(e.Code, "NotSupported") ||
		strings.Contains(e.Code, "Syntax"))
}

// wrongEndpoint is the code of commands that are for another endpoint, as its type names it.
const wrongEndpoint = "AdminCommandWrongEndpoint"

// Unmanaged reports whether a server has no data management service, like the Kusto emulator and
// the query endpoint of a cluster. Asked where to queue, they answer that the command is unknown
// (Azure/azure-kusto-go#293, Azure/azure-kusto-python#171), or that it is for another endpoint
// (Azure/azure-kusto-python#313).
func Unmanaged(err error) bool {
	var e *Error
	return Unsupported(err) || errors.As(err, &e) && e.Code == wrongEndpoint
}

// elsewhere ends the message about another server's answer.
const elsewhere = ". Check the cluster's address, https://<cluster>.<region>.kusto.windows.net, and what stands between, such as a proxy"

// fail turns the SDK's error, and what the transport saw of the exchange, into an Error.
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
	if o != nil && why == nil { // otherwise the status belongs to an earlier exchange
		status, code, message, permanent, known, after := o.last()
		e.Status, e.Code, e.RetryAfter = status, code, after
		e.Message = redact(message)
		other := o.otherwise()
		if other != "" {
			e.Message, e.OtherServer, e.Code = other+elsewhere, true, "" // its words are not the service's
		}
		// If the code is unknown, the service's own statement about permanence counts, but only for
		// requests that it refuses: its failures (5xx) are temporary, whatever it calls them, and a
		// gateway does not speak for it.
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

// redact removes shared access signatures and bearer tokens from a text.
func redact(s string) string {
	s = queryString.ReplaceAllString(s, "$1")
	return bearer.ReplaceAllString(s, "${1}[hidden]")
}
