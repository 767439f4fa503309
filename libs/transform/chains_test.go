package transform_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	randomly   = flag.Int("chains", 0, "how many more random chains to ask Kafka Connect about")
	chainsSeed = flag.Uint64("chains-seed", 1, "the seed of those chains")
)

// recordedChains is how many random chains have their answers in testdata/chains.jsonl.
const recordedChains = 250

const chainsFile = "testdata/chains.jsonl"

// chain is a class that there is not: the question's config are then the settings of a connector.
const chain = "chain"

// randomChains are chains of two to four steps, each with a configuration that some question has
// asked of its class alone and most with a predicate, about records that questions are about.
func randomChains(seed uint64, n int, single []answered) []question {
	r := rand.New(rand.NewPCG(seed, 0))
	// A configuration that fails alone would end most chains.
	fails := map[string]bool{}
	for _, a := range single {
		fails[a.config()] = fails[a.config()] || a.Error && a.ValueIs == nil && a.Schema
	}
	var steps, records []question
	known := map[string]bool{}
	for _, a := range single {
		// Connect's runtime takes an empty static.value for none, which the class alone does not.
		if a.Release != "" || strings.HasPrefix(a.Class, "io.confluent") ||
			a.Config["static.value"] == "" && a.Config["static.field"] != "" {
			continue
		}
		if id := a.config(); !fails[id] && !known[id] {
			known[id] = true
			steps = append(steps, question{Class: a.Class, Config: a.Config})
		}
		about := question{Schema: a.Schema, Of: a.Of, Key: a.Key, Value: a.Value, Headers: a.Headers}
		if id := about.id(); !known[id] {
			known[id] = true
			records = append(records, about)
		}
	}
	classes := map[string][]question{}
	for _, s := range steps {
		classes[s.Class] = append(classes[s.Class], s)
	}
	names := slices.Sorted(maps.Keys(classes))
	one := func(of ...string) string { return of[r.IntN(len(of))] }
	const apache = "org.apache.kafka.connect.transforms."
	all := make([]question, n)
	for i := range all {
		q := records[r.IntN(len(records))]
		q.Class, q.Config = chain, map[string]string{}
		predicates := []string{}
		for p := range r.IntN(4) {
			name := "p" + strconv.Itoa(p)
			predicates = append(predicates, name)
			prefix := "predicates." + name + "."
			switch r.IntN(3) {
			case 0:
				q.Config[prefix+"type"] = apache + "predicates.TopicNameMatches"
				q.Config[prefix+"pattern"] = one("t", ".*", "x", "(?i)T", "[a-z&&[^t]]+", `p\..*|t.*`, "t$", "(?!t).*")
			case 1:
				q.Config[prefix+"type"] = apache + "predicates.HasHeaderKey"
				q.Config[prefix+"name"] = one("h", "a", "id", "__op", "H")
			case 2:
				q.Config[prefix+"type"] = apache + "predicates.RecordIsTombstone"
			}
		}
		if len(predicates) > 0 {
			q.Config["predicates"] = strings.Join(predicates, ",")
		}
		var named []string
		for s := range 2 + r.IntN(3) {
			name := fmt.Sprintf("s%d", s)
			named = append(named, name)
			prefix := "transforms." + name + "."
			ofClass := classes[names[r.IntN(len(names))]]
			step := ofClass[r.IntN(len(ofClass))]
			for !q.Schema && step.Config["target.type"] != "" && step.Config["target.type"] != "string" {
				step = ofClass[r.IntN(len(ofClass))] // JsonConverter writes no time without a schema
			}
			q.Config[prefix+"type"] = step.Class
			for key, value := range step.Config {
				q.Config[prefix+key] = value
			}
			if len(predicates) > 0 && r.IntN(10) < 7 {
				q.Config[prefix+"predicate"] = one(predicates...)
				if r.IntN(10) < 6 { // without a predicate it is refused
					q.Config[prefix+"negate"] = one("true", "true", "false", "TRUE", " true ")
				}
			}
		}
		q.Config["transforms"] = strings.Join(named, one(",", ", ", " , "))
		all[i] = q
	}
	return all
}

// TestChainsOfTransformsGiveWhatKafkaConnectGives compares random chains with the answers of Kafka
// Connect's own runtime: the recorded ones and as many more as requested.
func TestChainsOfTransformsGiveWhatKafkaConnectGives(t *testing.T) {
	single := readAnswers(t, answersFile)
	if *recording {
		writeAnswers(t, chainsFile, ask(t, randomChains(0, recordedChains, single)))
	}
	all := readAnswers(t, chainsFile)
	if *randomly > 0 {
		all = append(all, ask(t, randomChains(*chainsSeed, *randomly, single))...)
	}
	counts := map[string]int{}
	for _, a := range all {
		switch {
		case a.Error:
			counts["failed"]++
		case a.Dropped:
			counts["dropped"]++
		default:
			counts["passed"]++
		}
		if problem := a.check(a.Error); problem != "" {
			t.Errorf("%s on %s %s: %s", a.question.id(), text(a.Key), text(a.Value), problem)
		}
	}
	t.Logf("chains by what Kafka Connect makes of their record: %v", counts)
}
