package connectapi

import (
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// endpoint answers one method of one path.
type endpoint func(r *request) (*answer, error)

// route is a path with its methods; segments in braces match anything.
type route struct {
	segments []string
	methods  map[string]endpoint
}

// longestPath bounds an escaped path in bytes, as in Kafka Connect.
const longestPath = 8 << 10

// ambiguous refuses paths that different servers may read as different paths, in the words of Kafka
// Connect's server.
func ambiguous(path string) error {
	if len(path) > longestPath {
		return &apiError{code: http.StatusRequestURITooLong, message: "URI Too Long"}
	}
	if strings.Contains(path, "//") {
		return badRequest("Ambiguous URI empty segment")
	}
	depth := 0
	for segment := range strings.SplitSeq(path, "/") {
		text, err := url.PathUnescape(segment)
		name, _, parameters := strings.Cut(text, ";")
		switch {
		case err != nil, strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c == 0x7f }),
			!utf8.ValidString(text):
			return badRequest("Bad URI")
		case strings.ContainsAny(text, `/\`) && text != segment:
			return badRequest("Ambiguous URI path separator")
		case (name == "." || name == "..") && text != segment, (name == "." || name == "..") && parameters:
			return badRequest("Ambiguous URI path segment")
		case segment == "..":
			depth--
		case segment != "" && segment != ".":
			depth++
		}
		if depth < 0 { // above the root
			return badRequest("Bad URI")
		}
	}
	return nil
}

// accepts reports whether a client accepts JSON.
func accepts(header http.Header) bool {
	if strings.TrimSpace(header.Get("Accept")) == "" {
		return true
	}
	for item := range strings.SplitSeq(strings.Join(header.Values("Accept"), ","), ",") {
		media, _, _ := strings.Cut(item, ";")
		if slices.Contains([]string{jsonMediaType, "application/*", "*/*"}, strings.ToLower(strings.TrimSpace(media))) {
			return true
		}
	}
	return false
}

// split cuts an escaped path into its segments without their parameters (;a=b); slashes at the end do not count.
func split(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	segments := strings.Split(path, "/")
	for i := range segments {
		segments[i], _, _ = strings.Cut(segments[i], ";")
	}
	return segments
}

// match matches an escaped path against the route; values holds the unescaped segments for those in
// braces.
func (t route) match(path []string) (values map[string]string, ok bool) {
	if len(path) != len(t.segments) {
		return nil, false
	}
	for i, segment := range t.segments {
		text, err := url.PathUnescape(path[i])
		if err != nil {
			return nil, false
		}
		if name, variable := strings.CutPrefix(segment, "{"); variable {
			if values == nil {
				values = map[string]string{}
			}
			values[strings.TrimSuffix(name, "}")] = strings.ToValidUTF8(text, "\uFFFD")
		} else if text != segment {
			return nil, false
		}
	}
	return values, true
}

// consumes reports whether a request may have the media type, even without a body: JSON, none at
// all, or any (*/*). The root and /health accept everything.
func (t route) consumes(contentType string) bool {
	if contentType == "" || len(t.segments) == 0 || t.segments[0] == "health" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && slices.Contains([]string{jsonMediaType, "application/*", "*/*"}, mediaType)
}

// allow returns the methods of a path in Kafka Connect's order.
func (t route) allow() []string {
	var methods []string
	for _, method := range []string{http.MethodHead, http.MethodDelete, http.MethodPost, http.MethodGet,
		http.MethodOptions, http.MethodPut, http.MethodPatch} {
		served := method
		if method == http.MethodHead {
			served = http.MethodGet
		}
		if _, ok := t.methods[served]; ok || method == http.MethodOptions {
			methods = append(methods, method)
		}
	}
	return methods
}
