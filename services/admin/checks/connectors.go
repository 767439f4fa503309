package checks

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	adminv1 "github.com/calypso-cdc/calypso/gen/calypso/admin/v1"
	capturev1 "github.com/calypso-cdc/calypso/gen/calypso/capture/v1"
	connectorv1 "github.com/calypso-cdc/calypso/gen/calypso/connector/v1"
	"github.com/calypso-cdc/calypso/libs/pgrepl"
	"github.com/calypso-cdc/calypso/libs/rpc"
	"github.com/calypso-cdc/calypso/libs/shell"
)

// judgeConnector looks at the states that Kafka Connect's status shows; the worst counts, and the
// first among equals.
func judgeConnector(name string, s *connectorv1.ConnectorStatus) finding {
	worst := fine(fmt.Sprintf("connector %s runs %s", name, count(len(s.GetTasks()), "task")))
	note := func(what string, state connectorv1.State, trace string) {
		if f := judgeState(name, what, state, trace); f.state > worst.state {
			worst = f
		}
	}
	note("connector "+name, s.GetState(), s.GetTrace())
	for _, t := range s.GetTasks() {
		note(fmt.Sprintf("task %d of connector %s", t.Id, name), t.State, t.Trace)
	}
	if s.GetState() == connectorv1.State_STATE_RUNNING && len(s.GetTasks()) == 0 {
		worst = finding{warning, "connector " + name + " has no task yet", "calypsoctl get services"}
	}
	return worst
}

// unanswered are the reasons of failures for which a connector was not let in by its server.
var unanswered = regexp.MustCompile(`\((?:` + strings.Join([]string{string(pgrepl.ReasonUnreachable),
	string(pgrepl.ReasonAuthentication), string(pgrepl.ReasonDatabaseMissing), string(pgrepl.ReasonTLS)}, "|") + `)\)`)

// overcome says of a source that failed since its server did not let it in that the server does by now: a
// worker looks at the slots of connectors that do not run, with their own credentials. A task that has
// failed is restarted by nobody.
func overcome(f finding, p *adminv1.Pipeline) finding {
	if f.state != failure || p.Capture.GetPhase() != capturev1.Phase_PHASE_UNSPECIFIED || p.Capture.GetSlot() == nil ||
		!unanswered.MatchString(f.summary) {
		return f
	}
	f.summary += " By now the server lets it in: it may go on."
	f.remedy = "calypsoctl restart " + shell.Quote(p.Source)
	return f
}

// judgeState looks at one state of a connector or of one of its tasks.
func judgeState(connector, what string, state connectorv1.State, trace string) finding {
	switch state {
	case connectorv1.State_STATE_FAILED:
		trace = strings.ReplaceAll(trace, "<connector>", shell.Quote(connector)) // so that what it says to type can be typed
		fix := cmp.Or(remedyWithin(trace), "fix what the error says (calypsoctl describe "+shell.Quote(connector)+")")
		return finding{failure, what + " failed: " + Sentence(trace),
			strings.TrimRight(fix, ";") + "; then: calypsoctl restart " + shell.Quote(connector)}
	case connectorv1.State_STATE_PAUSED:
		return finding{notice, what + " is paused", "calypsoctl resume " + shell.Quote(connector)}
	case connectorv1.State_STATE_STOPPED:
		return finding{notice, what + " is stopped", "calypsoctl resume " + shell.Quote(connector)}
	case connectorv1.State_STATE_UNASSIGNED:
		return finding{warning, what + " waits for a worker to run it", "calypsoctl get services"}
	case connectorv1.State_STATE_UNSPECIFIED:
		return finding{warning, "the state of " + what + " is not known", "calypsoctl get services"}
	case connectorv1.State_STATE_RESTARTING:
		return finding{warning, what + " restarts", ""}
	}
	return fine("")
}

// judgeConfiguration looks at settings that were accepted but do something else than they seem to,
// or nothing.
func judgeConfiguration(name string, warnings []string) finding {
	if len(warnings) == 0 {
		return fine("every key of connector " + name + " is known and has an effect")
	}
	const most = 5
	summary := strings.Join(warnings[:min(len(warnings), most)], " ")
	if more := len(warnings) - most; more > 0 {
		summary += fmt.Sprintf(" And %d more: calypsoctl describe %s", more, shell.Quote(name))
	}
	var meant []string
	for _, w := range warnings {
		if _, key, found := strings.Cut(w, "did you mean "); found && len(meant) < most {
			meant = append(meant, strings.TrimSuffix(key, "?"))
		}
	}
	remedy := "change the configuration and apply it: calypsoctl apply -f <file>"
	if len(meant) > 0 {
		remedy = fmt.Sprintf("did you mean %s? If so, %s", strings.Join(meant, ", "), remedy)
	}
	return finding{notice, fmt.Sprintf("the configuration of connector %s: %s", name, summary), remedy}
}

// GeneratorFleet is the fleet without which data flows all the same.
const GeneratorFleet = "orders-generator"

// judgeFleet looks at the workers of one service.
func judgeFleet(name string, workers []*adminv1.ServiceHealth) finding {
	var missing []string
	way := ""
	for _, w := range workers {
		if !w.Serving {
			missing = append(missing, fmt.Sprintf("%s at %s: %s", name, w.Address, Sentence(w.Detail)))
			if waits, found := strings.CutPrefix(w.Detail, rpc.ErrNotServing.Error()); found {
				// It answers, and its detail says that it waits for Kafka.
				way = cmp.Or(way, remedyOf(waits, "the worker's CALYPSO_KAFKA_TLS_CA"))
			} else {
				way = cmp.Or(way, tlsRemedyOf(w.Detail, "admin's --tls-ca"))
			}
		}
	}
	remedy := cmp.Or(way,
		"start the worker, or see why it is not ready: calypsoctl get services, or /readyz of its address for metrics; one that will not come back is taken out of admin's list of workers")
	switch {
	case len(missing) == 0:
		return fine(fmt.Sprintf("%s of %s can work", Plural(len(workers), "worker", "workers"), name))
	case len(missing) == len(workers) && name != GeneratorFleet:
		return finding{failure, strings.Join(missing, "; "), remedy}
	}
	return finding{warning, strings.Join(missing, "; "), remedy}
}

// System is the verdict over all fleets, whose workers are given by the fleet's name, with its
// reason.
func System(names []string, workers map[string][]*adminv1.ServiceHealth) (adminv1.Verdict, string) {
	worst := fine("all services are ready")
	for _, name := range names {
		if f := judgeFleet(name, workers[name]); f.state > worst.state {
			worst = f
		}
	}
	return Means(&adminv1.HealthCheck{Name: Fleet, State: worst.state}), worst.summary
}

func count(n int, of string) string { return Plural(n, of, of+"s") }

// Plural writes a number with the noun that it counts.
func Plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
