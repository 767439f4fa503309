package checks

import (
	"cmp"
	"regexp"
	"strings"
)

const (
	// sentence is how much of an error is shown in one line, in bytes. Its head says what was being
	// done, its tail the deepest cause.
	sentence     = 700
	sentenceTail = 300
)

// stack is where the trace of a panic begins.
var stack = regexp.MustCompile(`(?s)\n+goroutine \d+ \[.*`)

// Sentence is an error in one line: libraries put causes on lines of their own. Its middle is left
// out if it is very long.
func Sentence(text string) string {
	text = strings.Join(strings.Fields(stack.ReplaceAllString(text, "")), " ")
	if len(text) > sentence {
		text = strings.ToValidUTF8(text[:sentence-sentenceTail],
			"") + " … " + strings.ToValidUTF8(text[len(text)-sentenceTail:], "")
	}
	return cmp.Or(text, "no reason given")
}

// way is a cause that kept a connection from being made, or from being answered: the words by which
// it is recognised, and what to do about it.
type way struct {
	words  []string
	remedy string
	// tls is true if server and client can talk but do not trust each other.
	tls bool
}

// ways are in order of precedence: the deepest causes come first.
var ways = []way{
	{[]string{"no space left on device", "insufficientstorage", "disk is full", "disk full",
		"disk error when trying to access log file", "sqlstate 53100"},
		"a disk is full, or broken: free space on the machine that the error names, or where the worker writes; it goes on by itself then", false},
	{[]string{"connection refused"},
		"nothing listens at the address that the error names: start the server, or correct the address in the configuration",
		false},
	{[]string{"no such host", "server misbehaving"},
		"the name in the error is not known where the worker runs: correct it in the configuration, or see to the worker's DNS", false},
	{[]string{"remote error: tls: certificate required", "remote error: tls: bad certificate",
		"remote error: tls: unknown certificate", "remote error: tls: expired certificate",
		"remote error: tls: revoked certificate", "remote error: tls: unsupported certificate"},
		"the server refuses the client's certificate, or wants one and got none: give the client one, with its key (PEM), that an authority of the server's has signed and that has not expired", true},
	{[]string{"remote error: tls: handshake failure", "remote error: tls: protocol version not supported"},
		"the server breaks off the handshake: see its log, since it may want a client certificate, with its key (PEM), or newer protocols and ciphers than the client's", true},
	{[]string{"certificate signed by unknown authority", "certificate is not trusted"},
		"the worker does not know the authority that signed the server's certificate: give it the authority's certificate (PEM), as {authority}", true},
	{[]string{"certificate is valid for", "cannot validate certificate", "doesn't contain any ip sans",
		"not valid for any names"},
		"the server's certificate is for other names: connect by a name that it has", true},
	{[]string{"certificate has expired", "certificate is not yet valid"},
		"renew the server's certificate, and see that the clocks of both machines are right", true},
	{[]string{"first record does not look like a tls handshake", "is tls missing", "http response to https",
		"server gave http response", "with tls but an http server"},
		"one side speaks TLS and the other does not: correct the protocol or the port in the configuration", true},
	{[]string{"speaks tls from the first byte"},
		"the server speaks TLS and is asked without: correct the protocol or the port in the configuration", true},
	{[]string{"what answers at", "ends it without an answer"},
		"another server is at the address that the error names than the one that is meant: correct the address in the configuration, or see what stands between, such as a proxy", false},
	{[]string{"no route to host", "network is unreachable"},
		"there is no way from the worker to that address: see to routes, firewalls and private endpoints", false},
	{[]string{"timeout", "timed out", "deadline exceeded", "has not answered", "says nothing for"},
		"the server does not answer in time: see that it runs and is not overloaded, and that no firewall between it and the worker drops what they send", false},
}

// own matches the remedy that an error itself gives: it follows the reason, a word in capitals.
var own = regexp.MustCompile(`(?s)\([A-Z]+(?:_[A-Z]+)+\)\. (.+)$`)

// remedyWithin is the remedy that an error brings along, without the full stop; empty if it brings none.
func remedyWithin(text string) string {
	found := own.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimSpace(found[1]), ".")
}

var (
	// names matches parts of an error that are names, whose words say nothing about the cause: quoted
	// texts, addresses, names of several parts, and what follows the word for a kind of thing.
	names = regexp.MustCompile(`"[^"]*"|(?:^|[\s(=:\[])'[^']*'|` + "`[^`]*`" +
		`|\S*://\S*|\b(?:topic|table|column|database|group|connector|user|role|slot|publication)s? [^\s:,;]+|` +
		`[^\s:,;()]*[^\s:,;().][-_./@\\][^\s:,;()]+|[^\s:,;()]+:\d+`)
	// unnamed are matches of names that are not names: sentences about a kind of thing, and the
	// service's own codes.
	unnamed = regexp.MustCompile(
		`^\w+ (?:not|is|was|has|have|does|cannot|could|of|in|for|and|or)$|^(?:badrequest|general|forbidden|stream|internal)_\w+$`)
)

// says reports whether an error, in lower case, contains one of the words outside of names.
func says(text string, words ...string) bool {
	text = names.ReplaceAllStringFunc(text, func(name string) string {
		if unnamed.MatchString(name) {
			return name
		}
		return " "
	})
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

// remedyOf says what to do about an error, by its deepest cause; empty if it has no cause known
// here. authority names the setting for the certificates of authorities.
func remedyOf(text, authority string) string { return wayOf(text).remedyFor(authority) }

// tlsRemedyOf is remedyOf for errors of trust between client and server, and empty for all others.
func tlsRemedyOf(text, authority string) string {
	if w := wayOf(text); w.tls {
		return w.remedyFor(authority)
	}
	return ""
}

// wayOf is the first of the ways that an error names; zero if it names none.
func wayOf(text string) way {
	text = strings.ToLower(text)
	for _, w := range ways {
		if says(text, w.words...) {
			return w
		}
	}
	return way{}
}

func (w way) remedyFor(authority string) string {
	return strings.ReplaceAll(w.remedy, "{authority}", authority)
}
