package connectapi_test

import (
	"net/url"
	"strings"
	"testing"
)

// TestConnectorsMayHaveTheNamesThatKafkaConnectTakes asks in turn what Kafka Connect 4.3.1 was asked; the codes are
// those of its answers, but where why says otherwise.
func TestConnectorsMayHaveTheNamesThatKafkaConnectTakes(t *testing.T) {
	long, longest := strings.Repeat("x", 250), strings.Repeat("y", 1000)
	with := func(more string) string { return `{"connector.class":"FileStreamSource","topic":"t"` + more + `}` }
	post := func(name string) string { return `{"name":"` + name + `","config":` + with("") + `}` }
	const invalid, noPath = "Connector configuration is invalid", "no path of Kafka Connect reaches it either"
	address, err := url.Parse(startCluster(t).url)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		method, path, body string
		code               int
		says               string
		why                string
	}{
		{"PUT", "a/config", with(""), 201, `"name":"a"`, ""},
		{"PUT", "a/config", with(`,"name":"b"`), 400, "Connector name configuration (b) doesn't match connector name in the URL (a)", ""},
		{"PUT", "a/config", with(`,"name":" a "`), 400, "Connector name configuration ( a ) doesn't match connector name in the URL (a)", ""},
		{"PUT", "a/config", with(`,"name":null`), 200, `"name":"a"`, ""},
		{"PATCH", "a/config", `{"name":"b"}`, 200, `"config":{"connector.class":"FileStreamSource","name":"a"`,
			"Kafka Connect keeps b in the configuration, which names nothing"},
		{"GET", "b", "", 404, "Connector b not found", ""},
		{"PATCH", "a/config", `{"name":null}`, 400, invalid + ` and contains the following 1 error(s):\nMissing required configuration \"name\" which has no default value.`, ""},
		{"PATCH", "a/config", `{"name":""}`, 400, `Invalid value  for configuration name: String may not be empty`, ""},
		{"GET", "a", "", 200, `"name":"a"`, ""},
		{"POST", "", `{"name":"c","config":` + with(`,"name":"d"`) + `}`, 400, "Connector name configuration (d) doesn't match connector name in the URL (c)", ""},
		{"POST", "", post("a b"), 201, `{"name":"a b"`, ""},
		{"GET", "a%20b/status", "", 200, `{"name":"a b"`, ""},
		{"POST", "", post(" lead"), 201, `{"name":"lead"`, ""},
		{"POST", "", post("trail "), 201, `{"name":"trail"`, ""},
		{"PUT", "%20lead/config", with(`,"x":"1"`), 400, "must not begin or end with spaces", "Kafka Connect makes another connector; lead is left alone"},
		{"GET", "lead/config", "", 200, `{"connector.class":"FileStreamSource","name":"lead","topic":"t"}`, ""},
		{"DELETE", "trail%20", "", 404, "Connector trail  not found", ""},
		{"POST", "", post("per%cent"), 201, `{"name":"per%cent"`, ""},
		{"GET", "per%25cent", "", 200, `{"name":"per%cent"`, "Kafka Connect refuses the path: Ambiguous URI path encoding"},
		{"POST", "", post("ünï 日本 😀"), 201, "ünï 日本", ""},
		{"GET", "%C3%BCn%C3%AF%20%E6%97%A5%E6%9C%AC%20%F0%9F%98%80", "", 200, "ünï 日本", ""},
		{"POST", "", post("semi;colon"), 201, `{"name":"semi;colon"`, ""},
		{"GET", "semi%3Bcolon", "", 200, `{"name":"semi;colon"`, ""},
		{"GET", "semi;colon", "", 404, "Connector semi not found", ""},
		{"POST", "", post("a?b#c&d+e|f"), 201, `{"name":"a?b#c`, ""},
		{"GET", "a%3Fb%23c%26d+e%7Cf", "", 200, `{"name":"a?b#c`, ""},
		{"POST", "", post(".."), 201, `{"name":".."`, ""},
		{"GET", "../status", "", 200, `{"name":".."`, ""},
		{"POST", "", post("sl/ash"), 400, "must not contain '/'", noPath},
		{"POST", "", post(`a\tb`), 400, "String may not contain control sequences but had the following ASCII chars: 9", ""},
		{"POST", "", post(`a\u0001b\nc`), 400, "String may not contain control sequences but had the following ASCII chars: 1, 10", ""},
		{"POST", "", post(`a\u007fb`), 400, "String may not contain control sequences but had the following ASCII chars: 127", ""},
		{"POST", "", post(`a\u0085b`), 400, "String may not contain control sequences but had the following ASCII chars: 133", ""},
		{"POST", "", post("{x}"), 201, `{"name":"{x}"`, "Kafka Connect makes it and fails to say where it is"},
		{"POST", "", post(long), 201, long, ""},
		{"GET", long + "/status", "", 200, long, ""},
		{"PUT", long + "/config", with(`,"x":"1"`), 200, long, ""},
		{"DELETE", long, "", 204, "", ""},
		{"POST", "", post(longest), 201, longest, ""},
		{"DELETE", longest, "", 204, "", ""},
		{"POST", "", post(strings.Repeat("z", 9000)), 400, "must not be longer than", noPath},
	} {
		request := odd{Method: c.method, Target: strings.TrimSuffix("/connectors/"+c.path, "/"), Body: c.body}
		if c.body != "" {
			request.Headers = map[string]string{"Content-Type": jsonType}
		}
		got := request.ask(t, address.Host)
		if got.Code != c.code || !strings.Contains(got.Answer, c.says) {
			t.Errorf("%s %.80s %.100s: %d %.400s, want %d and %.200s %s", c.method, request.Target, c.body, got.Code, got.Answer, c.code,
				c.says, c.why)
		}
	}
}
