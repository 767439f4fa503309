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

// Sentence is an error in one line, with all that it says: libraries put causes on lines of their own.
func Sentence(text string) string {
	text = strings.Join(strings.Fields(stack.ReplaceAllString(text, "")), " ")
	if len(text) > sentence {
		text = strings.ToValidUTF8(text[:sentence-sentenceTail],
			"") + " … " + strings.ToValidUTF8(text[len(text)-sentenceTail:], "")
	}
	return cmp.Or(text, "no reason given")
}

// way is what kept a connection from being made, or from being answered: which words tell it, and what to do about it.
type way struct {
	words  []string
	remedy string
	// tls says that server and client speak, and do not trust each other.
	tls bool
}

// ways are in the order in which they count: what comes first is deeper.
var ways = []way{
	{[]string{"no space left on device", "insufficientstorage", "disk is full", "disk full",
		"disk error when trying to access log file"},
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

// own is what an error says itself that is to be done: after its reason, a word in capitals.
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
	// names are parts of an error that somebody else has chosen, whose words tell nothing: quoted
	// texts, addresses, names of several parts, and what follows the word for its kind.
	names = regexp.MustCompile(`"[^"]*"|(?:^|[\s(=:\[])'[^']*'|` + "`[^`]*`" +
		`|\S*://\S*|\b(?:topic|table|column|database|group|connector|user|role|slot|publication)s? [^\s:,;]+|` +
		`[^\s:,;()]*[^\s:,;().][-_./@\\][^\s:,;()]+|[^\s:,;()]+:\d+`)
	// unnamed are matches that are no names: sentences about a kind, and the service's own codes.
	unnamed = regexp.MustCompile(
		`^\w+ (?:not|is|was|has|have|does|cannot|could|of|in|for|and|or)$|^(?:badrequest|general|forbidden|stream|internal)_\w+$`)
)

// says reports whether one of the words stands in an error in small letters, outside of names.
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

// remedyOf says what to do about an error, by its deepest cause; empty if it says none that is
// known here. authority names the setting for the certificates of authorities.
func remedyOf(text, authority string) string { return wayOf(text).remedyFor(authority) }

// tlsRemedyOf is remedyOf of errors between two that do not trust each other, and empty for all others.
func tlsRemedyOf(text, authority string) string {
	if w := wayOf(text); w.tls {
		return w.remedyFor(authority)
	}
	return ""
}

// wayOf is the first way that an error names; zero if it names none.
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
