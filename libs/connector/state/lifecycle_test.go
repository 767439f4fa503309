package state

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"pgregory.net/rapid"
)

// TestLifecycleFollowsItsScripts runs testdata. Commands are the methods of lifecycle; partitions are given
// as the tasks that hash to them (hold orders-0). Printed are the actions.
func TestLifecycleFollowsItsScripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		l := NewLifecycle(1024)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return show(runCommand(t, l, d))
		})
	})
}

func runCommand(t *testing.T, l *Lifecycle, d *datadriven.TestData) []Action {
	switch d.Cmd {
	case "configure":
		connectors := map[string]Wanted{}
		for line := range strings.Lines(d.Input) {
			var name, target string
			var w Wanted
			if _, err := fmt.Sscanf(line, "%s generation=%d tasks=%d %s", &name, &w.Generation, &w.Tasks, &target); err != nil {
				d.Fatalf(t, "%q: %v", line, err)
			}
			w.Target = targetOfText(target)
			connectors[name] = w
		}
		return l.Configured(connectors)
	case "hold":
		return l.Assigned(partitionsOf(l, d))
	case "revoke":
		return l.Revoked(partitionsOf(l, d))
	case "lose":
		return l.Lost(partitionsOf(l, d))
	case "end":
		run := 1
		trace := ""
		d.MaybeScanArgs(t, "run", &run)
		d.MaybeScanArgs(t, "trace", &trace)
		return l.Ended(idOf(d.CmdArgs[0].Key), run, trace)
	case "quarantine":
		var generation int64
		var trace string
		d.ScanArgs(t, "generation", &generation)
		d.ScanArgs(t, "trace", &trace)
		guilty := idOf(d.CmdArgs[0].Key)
		l.Quarantined = func(id TaskID, of int64) string {
			if id == guilty && of == generation {
				return trace
			}
			return ""
		}
		return nil
	case "restart":
		request := Restart{connector: d.CmdArgs[0].Key}
		request.record.IncludeTasks = d.HasArg("include-tasks")
		request.record.OnlyFailed = d.HasArg("only-failed")
		if d.HasArg("task") {
			var task int
			d.ScanArgs(t, "task", &task)
			request.record.Task = &task
		}
		return l.Restarted(request)
	}
	if d.Cmd == "sweep" {
		said := map[string]Statuses{}
		for line := range strings.Lines(d.Input) {
			of := strings.Fields(line) // connector orders RUNNING w1:1, task orders-0 RUNNING w1:1, topic orders t
			id := TaskID{Connector: of[1]}
			if of[0] == "task" {
				id = idOf(of[1])
			}
			statuses, ok := said[id.Connector]
			if !ok {
				statuses = Statuses{Tasks: map[int]StatusRecord{}, Topics: map[string]bool{}}
			}
			switch of[0] {
			case "connector":
				statuses.Connector = &StatusRecord{State: State(of[2]), WorkerID: of[3]}
			case "task":
				statuses.Tasks[id.Task] = StatusRecord{State: State(of[2]), WorkerID: of[3]}
			case "topic":
				statuses.Topics[of[2]] = true
			}
			said[id.Connector] = statuses
		}
		exists := func(name string) bool { return !d.HasArg("without") || d.CmdArgs[0].Vals[0] != name }
		return l.Sweep("w1:1", said, exists)
	}
	d.Fatalf(t, "unknown command %s", d.Cmd)
	return nil
}

func targetOfText(text string) Target { return Target(strings.ToUpper(text)) }

func idOf(text string) TaskID {
	id, _ := parseTaskStatusKey(text)
	return id
}

func partitionsOf(l *Lifecycle, d *datadriven.TestData) []int32 {
	var partitions []int32
	for _, argument := range d.CmdArgs {
		partitions = append(partitions, l.partition(idOf(argument.Key)))
	}
	return partitions
}

func show(actions []Action) string {
	if len(actions) == 0 {
		return "nothing\n"
	}
	var text strings.Builder
	for _, a := range actions {
		switch a.Kind {
		case StartTask, StopTask:
			fmt.Fprintf(&text, "%s %s run=%d generation=%d\n", a.Kind, a.ID, a.Run, a.Generation)
		case ReportTask:
			fmt.Fprintf(&text, "report %s %s", a.ID, a.State)
			if a.Trace != "" {
				fmt.Fprintf(&text, " trace=%s", a.Trace)
			}
			if a.Quarantined {
				text.WriteString(" quarantined")
			}
			text.WriteString("\n")
		case ReportConnector:
			fmt.Fprintf(&text, "report %s %s\n", a.ID.Connector, a.State)
		default:
			fmt.Fprintf(&text, "%s %s\n", a.Kind, a.ID)
		}
	}
	return text.String()
}

// TestWhateverHappensATaskRunsAtMostOnceAndOnlyWhereItIsHeld plays random histories.
func TestWhateverHappensATaskRunsAtMostOnceAndOnlyWhereItIsHeld(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const partitions = 3
		l := NewLifecycle(partitions)
		held := map[int32]bool{}
		runs := map[TaskID]int{} // runs that have not ended
		stopping := map[TaskID]bool{}
		connectors := map[string]Wanted{}
		apply := func(actions []Action) {
			for _, a := range actions {
				switch a.Kind {
				case StartTask:
					if runs[a.ID] != 0 {
						t.Fatalf("%s started while run %d has not ended", a.ID, runs[a.ID])
					}
					w, exists := connectors[a.ID.Connector]
					if !held[l.partition(a.ID)] || !exists || w.Target != TargetStarted || a.ID.Task >= w.Tasks ||
						a.Generation != w.Generation {
						t.Fatalf("%s started: held %t, wanted %+v, generation %d", a.ID, held[l.partition(a.ID)], w, a.Generation)
					}
					runs[a.ID], stopping[a.ID] = a.Run, false
				case StopTask:
					if runs[a.ID] != a.Run || stopping[a.ID] {
						t.Fatalf("%s: run %d stopped, but run %d goes on (stopping %t)", a.ID, a.Run, runs[a.ID], stopping[a.ID])
					}
					stopping[a.ID] = true
				case ReportTask, ReportConnector, ForgetTask:
					if !held[l.partition(a.ID)] && a.State != Unassigned {
						t.Fatalf("%s %s %s without its partition being held", a.Kind, a.ID, a.State)
					}
				}
			}
		}
		names := rapid.SampledFrom([]string{"a", "b", "c"})
		partition := rapid.Int32Range(0, partitions-1)
		t.Repeat(map[string]func(*rapid.T){
			"configure": func(t *rapid.T) {
				changed := map[string]Wanted{}
				for name, w := range connectors {
					changed[name] = w
				}
				name := names.Draw(t, "name")
				changed[name] = Wanted{changed[name].Generation + rapid.Int64Range(0, 1).Draw(t, "newer"),
					rapid.IntRange(1, 3).Draw(t, "tasks"),
					rapid.SampledFrom([]Target{TargetStarted, TargetPaused, TargetStopped}).Draw(t, "target")}
				connectors = changed
				apply(l.Configured(changed))
			},
			"delete": func(t *rapid.T) {
				changed := map[string]Wanted{}
				for name, w := range connectors {
					changed[name] = w
				}
				delete(changed, names.Draw(t, "name"))
				connectors = changed
				apply(l.Configured(changed))
			},
			"assign": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				held[p] = true
				apply(l.Assigned([]int32{p}))
			},
			"revoke": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				delete(held, p)
				apply(l.Revoked([]int32{p}))
			},
			"lose": func(t *rapid.T) {
				p := partition.Draw(t, "partition")
				delete(held, p)
				apply(l.Lost([]int32{p}))
			},
			"restart": func(t *rapid.T) {
				request := Restart{connector: names.Draw(t, "name")}
				request.record.IncludeTasks, request.record.OnlyFailed = rapid.Bool().Draw(t, "tasks"),
					rapid.Bool().Draw(t, "failed")
				apply(l.Restarted(request))
			},
			"end": func(t *rapid.T) {
				for id, run := range runs {
					if run != 0 && rapid.Bool().Draw(t, "end "+id.String()) {
						runs[id] = 0
						apply(l.Ended(id, run, strconv.Itoa(run)))
						break
					}
				}
			},
			"": func(t *rapid.T) {
				// What should run does, unless it failed; what should not is at least stopping.
				for name, w := range connectors {
					for n := range w.Tasks {
						id := TaskID{name, n}
						should := held[l.partition(id)] && w.Target == TargetStarted
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
