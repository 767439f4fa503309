package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/libs/kusto"
)

// Verdict compares what was seen with what Calypso expects.
type Verdict string

// The verdicts.
const (
	AsExpected Verdict = "as expected"
	Otherwise  Verdict = "otherwise"
	Untried    Verdict = "could not be tried"
)

// Finding is what an experiment found.
type Finding struct {
	Name     string  `json:"name"`
	Expected string  `json:"expected"`
	Seen     string  `json:"seen"`
	Verdict  Verdict `json:"verdict"`
	// Follows is what it means for the user.
	Follows string `json:"follows"`
}

// Report is everything that the probe of one service found.
type Report struct {
	// Service is the service that was probed, and Target its address.
	Service string    `json:"service"`
	Target  string    `json:"target"`
	Begun   time.Time `json:"begun"`
	// Version is that of Calypso.
	Version  string    `json:"version"`
	Findings []Finding `json:"findings"`
	// Left lists what this probe made and could not remove, and what others have left, each with what
	// to do.
	Left []string `json:"left,omitempty"`
}

// Count returns how many findings have a verdict.
func (r *Report) Count(v Verdict) (n int) {
	for _, f := range r.Findings {
		if f.Verdict == v {
			n++
		}
	}
	return n
}

// outcome is what an experiment saw. An error instead says why the experiment could not be made.
type outcome struct {
	seen    string
	verdict Verdict
	follows string
}

// nothing is what follows if Calypso works as documented.
const nothing = "Nothing: Calypso works as documented."

func expected(format string, args ...any) outcome {
	return outcome{fmt.Sprintf(format, args...), AsExpected, nothing}
}

type experiment struct {
	name, expected string
	try            func(context.Context) (outcome, error)
}

// Options are the options of all probes.
type Options struct {
	// Version is that of Calypso.
	Version string
	// Secrets are texts that must not appear in a report, even if a service writes them into an
	// answer.
	Secrets []string
	// StatusPatience is how long to wait for the final status of a queued blob; 0 means 2 minutes.
	StatusPatience time.Duration
	// Told is called with each finding as it comes.
	Told func(Finding)
}

func (o Options) lab(service, target string) *lab {
	return &lab{options: o, report: Report{Service: service, Target: o.hide(target), Version: o.Version,
		Begun: time.Now()}}
}

// hide removes the secrets from a text.
func (o Options) hide(text string) string {
	for _, secret := range o.Secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "[hidden]")
		}
	}
	return text
}

// unique returns a suffix that no name has yet.
func unique() string { return strings.ToLower(rand.Text()[:10]) }

// lab runs the experiments on one service and removes what they made.
type lab struct {
	options Options
	report  Report
	// made lists what to remove, in the order in which it was made.
	made []made
	// others finds what other probes, killed or still running, have made and not removed, each with
	// what to do about it. It is called at the end, and may be nil.
	others func(context.Context) ([]string, error)
}

type made struct {
	// what names the thing and says how to remove it by hand.
	what   string
	remove func(context.Context) error
}

// remember makes sure that something is removed at the end. Call it before the thing is made: if
// the answer is lost, it is not known whether it was made.
func (l *lab) remember(what string, remove func(context.Context) error) {
	l.made = append(l.made, made{what, remove})
}

// cleanPatience bounds the removal of everything that the experiments made.
const cleanPatience = time.Minute

// run makes the experiments in turn, and removes what they made even if ctx has ended.
func (l *lab) run(ctx context.Context, experiments []experiment) *Report {
	for _, e := range experiments {
		l.note(e.find(ctx))
	}
	cleaning, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanPatience)
	defer cancel()
	for i := len(l.made) - 1; i >= 0; i-- {
		if err := l.made[i].remove(cleaning); err != nil {
			l.report.Left = append(l.report.Left, l.options.hide(fmt.Sprintf("%s (%v)", l.made[i].what, err)))
		}
	}
	if l.others != nil {
		found, _ := l.others(cleaning) // if that fails, the experiments have said why
		for _, what := range found {
			l.report.Left = append(l.report.Left, l.options.hide(what))
		}
	}
	return &l.report
}

// killed is added to what another probe has left.
const killed = " (of another probe, that was killed or still runs)"

func (l *lab) note(f Finding) {
	f.Seen = l.options.hide(f.Seen)
	l.report.Findings = append(l.report.Findings, f)
	l.options.Told(f)
}

func (e experiment) find(ctx context.Context) Finding {
	f := Finding{Name: e.name, Expected: e.expected}
	if ctx.Err() != nil {
		f.Seen, f.Verdict, f.Follows = "the probe was ended before", Untried, untold
		return f
	}
	var o outcome
	err := contain.Call("experiment "+e.name, func() (err error) {
		o, err = e.try(ctx)
		return err
	})
	if err != nil {
		o = outcome{err.Error(), Untried, unknownFor(err)}
	}
	f.Seen, f.Verdict, f.Follows = o.seen, o.verdict, o.follows
	return f
}

// unknownFor is untold, with what to do about the error if that is known.
func unknownFor(err error) string {
	const begun = "It is still not known. "
	var m *mute
	switch {
	case errors.As(err, &m):
		return m.follows()
	case kusto.UnknownAuthority(err) != "":
		return begun + "If that authority is the right one, give a file with its certificate in PEM with --ca-file, and probe again; else see who stands between."
	case kusto.ObstacleOf(err) == kusto.Mistaken:
		return begun + "Give the cluster's address with --url, as the portal shows it on the cluster's page, and probe again."
	}
	return untold
}

// untold is what follows from an experiment that could not be made.
const untold = "It is still not known. Remove the cause, as by giving the identity the role or right that is named, and probe again."
