package connector

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestLifecycleFollowsItsScripts runs testdata/lifecycle. Commands are the methods of lifecycle; partitions are given
// as the tasks that hash to them (hold orders-0). Printed are the actions.
func TestLifecycleFollowsItsScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/lifecycle", func(t *testing.T, path string) {
		l := newLifecycle(1024)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return show(runCommand(t, l, d))
		})
	})
}

func runCommand(t *testing.T, l *lifecycle, d *datadriven.TestData) []action {
	switch d.Cmd {
	case "configure":
		connectors := map[string]wanted{}
		for line := range strings.Lines(d.Input) {
			var name, target string
			var w wanted
			if _, err := fmt.Sscanf(line, "%s generation=%d tasks=%d %s", &name, &w.generation, &w.tasks, &target); err != nil {
				d.Fatalf(t, "%q: %v", line, err)
			}
			w.target = targetOfText(target)
			connectors[name] = w
		}
		return l.configured(connectors)
	case "hold":
		return l.assigned(partitionsOf(l, d))
	case "revoke":
		return l.revoked(partitionsOf(l, d))
	case "lose":
		return l.lost(partitionsOf(l, d))
	case "end":
		run := 1
		trace := ""
		d.MaybeScanArgs(t, "run", &run)
		d.MaybeScanArgs(t, "trace", &trace)
		return l.ended(idOf(d.CmdArgs[0].Key), run, trace)
	case "quarantine":
		var generation int64
		var trace string
		d.ScanArgs(t, "generation", &generation)
		d.ScanArgs(t, "trace", &trace)
		guilty := idOf(d.CmdArgs[0].Key)
		l.quarantined = func(id taskID, of int64) string {
			if id == guilty && of == generation {
				return trace
			}
			return ""
		}
		return nil
	case "restart":
		request := restart{connector: d.CmdArgs[0].Key}
		request.record.IncludeTasks = d.HasArg("include-tasks")
		request.record.OnlyFailed = d.HasArg("only-failed")
		if d.HasArg("task") {
			var task int
			d.ScanArgs(t, "task", &task)
			request.record.Task = &task
		}
		return l.restarted(request)
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return nil
}

func targetOfText(text string) target { return target(strings.ToUpper(text)) }

func idOf(text string) taskID {
	id, _ := parseTaskStatusKey(text)
	return id
}

func partitionsOf(l *lifecycle, d *datadriven.TestData) []int32 {
	var partitions []int32
	for _, argument := range d.CmdArgs {
		partitions = append(partitions, l.partition(idOf(argument.Key)))
	}
	return partitions
}

func show(actions []action) string {
	if len(actions) == 0 {
		return "nothing\n"
	}
	var text strings.Builder
	for _, a := range actions {
		switch a.kind {
		case startTask, stopTask:
			fmt.Fprintf(&text, "%s %s run=%d generation=%d\n", a.kind, a.id, a.run, a.generation)
		case reportTask:
			fmt.Fprintf(&text, "report %s %s", a.id, a.state)
			if a.trace != "" {
				fmt.Fprintf(&text, " trace=%s", a.trace)
			}
			if a.quarantined {
				text.WriteString(" quarantined")
			}
			text.WriteString("\n")
		case reportConnector:
			fmt.Fprintf(&text, "report %s %s\n", a.id.connector, a.state)
		default:
			fmt.Fprintf(&text, "%s %s\n", a.kind, a.id)
		}
	}
	return text.String()
}

// TestWhateverHappensATaskRunsAtMostOnceAndOnlyWhereItIsHeld plays random histories.
func TestWhateverHappensATaskRunsAtMostOnceAndOnlyWhereItIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const partitions = 3
		l := newLifecycle(partitions)
		held := map[int32]bool{}
		runs := map[taskID]int{} // runs that have not ended
		stopping := map[taskID]bool{}
		connectors := map[string]wanted{}
		apply := func(actions []action) {
			for _, a := range actions {
				switch a.kind {
				case startTask:
					if runs[a.id] != 0 {
						t.Fatalf("%s started while run %d has not ended", a.id, runs[a.id])
					}
					w, exists := connectors[a.id.connector]
					if !held[l.partition(a.id)] || !exists || w.target != targetStarted || a.id.task >= w.tasks || a.generation != w.generation {
						t.Fatalf("%s started: held %t, wanted %+v, generation %d", a.id, held[l.partition(a.id)], w, a.generation)
					}
					runs[a.id], stopping[a.id] = a.run, false
				case stopTask:
					if runs[a.id] != a.run || stopping[a.id] {
						t.Fatalf("%s: run %d stopped, but run %d goes on (stopping %t)", a.id, a.run, runs[a.id], stopping[a.id])
					}
					stopping[a.id] = true
				case reportTask, reportConnector, forgetTask:
					if !held[l.partition(a.id)] && a.state != StateUnassigned {
						t.Fatalf("%s %s %s without its partition being held", a.kind, a.id, a.state)
					}
				}
			}
		}
		names := rapid.SampledFrom([]string{"a", "b", "c"})
		partition := rapid.Int32Range(0, partitions-1)
		t.Repeat(map[string]func(*rapid.T){
			"configure": func(t *rapid.T) {
				changed := map[string]wanted{}
				for name, w := range connectors {
					changed[name] = w
				}
				name := names.Draw(t, "name")
				changed[name] = wanted{changed[name].generation + rapid.Int64Range(0, 1).Draw(t, "newer"), rapid.IntRange(1, 3).Draw(t, "tasks"),
					rapid.SampledFrom([]target{targetStarted, targetPaused, targetStopped}).Draw(t, "target")}
				connectors = changed
				apply(l.configured(changed))
			},
			"delete": func(t *rapid.T) {
				changed := map[string]wanted{}
				for name, w := range connectors {
					changed[name] = w
				}
				delete(changed, names.Draw(t, "name"))
				connectors = changed
				apply(l.configured(changed))
			},
			"assign": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				held[p] = true
				apply(l.assigned([]int32{p}))
			},
			"revoke": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				delete(held, p)
				apply(l.revoked([]int32{p}))
			},
			"lose": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				delete(held, p)
				apply(l.lost([]int32{p}))
			},
			"restart": func(t *rapid.T) {
				request := restart{connector: names.Draw(t, "name")}
				request.record.IncludeTasks, request.record.OnlyFailed = rapid.Bool().Draw(t, "tasks"), rapid.Bool().Draw(t, "failed")
				apply(l.restarted(request))
			},
			"end": func(t *rapid.T) {
				for id, run := range runs {
					if run != 0 && rapid.Bool().Draw(t, "end "+id.String()) {
						runs[id] = 0
						apply(l.ended(id, run, strconv.Itoa(run)))
						break
					}
				}
			},
			"": func(t *rapid.T) {
				// What should run does, unless it failed; what should not is at least stopping.
				for name, w := range connectors {
					for n := range w.tasks {
						id := taskID{name, n}
						should := held[l.partition(id)] && w.target == targetStarted
						state := l.tasks[id]
						if should && runs[id] == 0 && (state == nil || !state.failed) {
							t.Fatalf("%s does not run", id)
						}
						if !should && runs[id] != 0 && !stopping[id] {
							t.Fatalf("%s runs on", id)
						}
					}
				}
				if again := l.reconcile(); len(again) != 0 {
					t.Fatalf("deciding again changes something: %s", show(again))
				}
			},
		})
	})
}
