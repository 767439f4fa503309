package kql

// Compile turns a query into a plan. Its error is an *Error unless Options.Probe failed.
func Compile(query string, opts Options) (*Plan, error) {
	return nil, &Error{Code: codeUnsupported, Message: "queries are not available in this build", Permanent: true}
}
