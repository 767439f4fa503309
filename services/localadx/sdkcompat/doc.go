// Package sdkcompat runs the unmodified Azure Data Explorer SDKs for Python, Node and Java against localadx: create,
// ingest each way, query each type, parameters, errors. The suites are in python, node and java, with their packages
// pinned. (The Go SDK's are the tests of package localadx.)
//
// The tests run when CALYPSO_SDK_COMPAT is set, because they install packages from the registries; a runtime that is
// not there is skipped with a message.
package sdkcompat
