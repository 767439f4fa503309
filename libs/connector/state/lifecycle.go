package state

import (
	"cmp"
	"maps"
	"slices"
)

// Lifecycle decides which tasks this worker runs. It has no I/O, clock or goroutine: its methods
// take what happened and return what to do, in order.
//
// Invariants:
//   - A task has at most one run at a time; the next starts only after the one before has ended.
//   - A task is started only while its partition is held, its connector is started, and it has not failed since it was
//     last configured, restarted or taken over; if it is quarantined, only when it is restarted.
//   - A report is made only for tasks and connectors whose partition is held, except UNASSIGNED, which is the last
//     word on a task that is handed over.
type Lifecycle struct {
	partitions int32
	held       map[int32]bool
	wanted     map[string]Wanted
	tasks      map[TaskID]*taskState
	reported   map[string]State // of connectors
	// asked are tasks that somebody wants restarted and that this worker does not hold. If it comes to
	// hold them, they start even if this worker quarantined them, since the request is newer than the
	// quarantine.
	asked map[TaskID]bool
	// Quarantined says why a task is not started with a configuration until somebody restarts it; empty if it may be.
	Quarantined func(id TaskID, generation int64) string
}

// Wanted is what a connector's configuration demands.
type Wanted struct {
	Generation int64
	Tasks      int
	Target     Target
}

type phase int

const (
	idle phase = iota
	running
	stopping
)

// taskState is one task that this worker holds or still has a run of.
type taskState struct {
	phase phase
	// run numbers the runs of a task from 1; the end of an earlier run is not mistaken for that of a later one.
	run int
	// generation of the configuration of the current or last run.
	generation int64
	failed     bool
	// restart asks for a new run although nothing changed.
	restart bool
	// handedOver is true if the partition was revoked in order, and not lost, so that UNASSIGNED may
	// be reported.
	handedOver bool
	// reported is the last report; empty if none.
	reported State
	trace    string
}

type ActionKind string

const (
	StartTask       ActionKind = "start"
	StopTask        ActionKind = "stop"
	ReportTask      ActionKind = "report"
	ReportConnector ActionKind = "report-connector"
	ForgetTask      ActionKind = "forget"
	ForgetConnector ActionKind = "forget-connector"
)

// Action is one thing to do.
type Action struct {
	Kind       ActionKind
	ID         TaskID // task is 0 for reportConnector
	Run        int
	Generation int64
	State      State
	Trace      string
	// Quarantined is true for the report of a failure that keeps the task from being started.
	Quarantined bool
}

func NewLifecycle(partitions int32) *Lifecycle {
	return &Lifecycle{
		partitions: partitions,
		held:       map[int32]bool{},
		wanted:     map[string]Wanted{},
		tasks:      map[TaskID]*taskState{},
		reported:   map[string]State{},
		asked:      map[TaskID]bool{},

		Quarantined: func(TaskID, int64) string { return "" },
	}
}

// Configured tells it all connectors of this fleet as they are now.
func (l *Lifecycle) Configured(connectors map[string]Wanted) []Action {
	l.wanted = connectors
	return l.reconcile()
}

// Assigned tells it the partitions that this worker holds from now on, besides those that it holds
// already.
func (l *Lifecycle) Assigned(partitions []int32) []Action {
	for _, partition := range partitions {
		l.held[partition] = true
	}
	return l.reconcile()
}

// Revoked tells it partitions that go to another worker as soon as their tasks have ended.
func (l *Lifecycle) Revoked(partitions []int32) []Action {
	for _, partition := range partitions {
		delete(l.held, partition)
	}
	for id, task := range l.tasks {
		if slices.Contains(partitions, l.partition(id)) {
			task.handedOver = true
		}
	}
	return l.reconcile()
}

// Lost tells it partitions that others may hold already.
func (l *Lifecycle) Lost(partitions []int32) []Action {
	for _, partition := range partitions {
		delete(l.held, partition)
	}
	return l.reconcile()
}

// Restarted tells it of a request to restart a connector, its tasks, or one task.
func (l *Lifecycle) Restarted(request Restart) []Action {
	want, ok := l.wanted[request.connector]
	if !ok || want.Target != TargetStarted {
		return nil
	}
	var actions []Action
	if request.record.Task == nil && !request.record.OnlyFailed && l.holds(TaskID{request.connector, 0}) {
		actions = append(actions, l.reportConnector(request.connector, want, Restarting))
	}
	for _, id := range l.sortedTasks() {
		if id.Connector != request.connector || !l.holds(id) {
			continue
		}
		task := l.tasks[id]
		if request.record.Task != nil && *request.record.Task != id.Task ||
			request.record.Task == nil && (!request.record.IncludeTasks || request.record.OnlyFailed && !task.failed) {
			continue
		}
		task.restart = true
		actions = append(actions, l.report(id, task, Restarting, task.trace))
	}
	for n := range want.Tasks {
		id := TaskID{request.connector, n}
		if (request.record.Task != nil && *request.record.Task == n || request.record.Task == nil &&
			request.record.IncludeTasks) && !l.holds(id) {
			l.asked[id] = true
		}
	}
	return append(actions, l.reconcile()...)
}

// Ended tells it that a run has ended, with the reason if the task failed.
func (l *Lifecycle) Ended(id TaskID, run int, trace string) []Action {
	task := l.tasks[id]
	if task == nil || task.run != run || task.phase == idle {
		return nil
	}
	byItself := task.phase == running
	task.phase = idle
	var actions []Action
	if byItself {
		task.failed = true
		actions = append(actions, l.report(id, task, Failed, trace))
	}
	return append(actions, l.reconcile()...)
}

// Idle lists the connectors whose first task is in one of the partitions and does not run here.
func (l *Lifecycle) Idle(partitions map[int32]bool) (names []string) {
	for name := range l.wanted {
		id := TaskID{name, 0}
		if task := l.tasks[id]; partitions[l.partition(id)] && (task == nil || task.phase == idle) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// RunsOf reports whether a run of a task in one of the partitions has not ended yet.
func (l *Lifecycle) RunsOf(partitions []int32) bool {
	for id, task := range l.tasks {
		if task.phase != idle && slices.Contains(partitions, l.partition(id)) {
			return true
		}
	}
	return false
}

func (l *Lifecycle) partition(id TaskID) int32 {
	return PartitionOf(id.Connector, id.Task, l.partitions)
}

func (l *Lifecycle) holds(id TaskID) bool { return l.held[l.partition(id)] }

// reconcile compares what is wanted with what runs. Calling it again changes nothing.
func (l *Lifecycle) reconcile() []Action {
	var actions []Action
	for _, name := range slices.Sorted(maps.Keys(l.wanted)) {
		want := l.wanted[name]
		if l.holds(TaskID{name, 0}) {
			state := map[Target]State{TargetStarted: Running, TargetPaused: Paused, TargetStopped: Stopped}[want.Target]
			if l.reported[name] != state {
				actions = append(actions, l.reportConnector(name, want, state))
			}
		} else {
			delete(l.reported, name)
		}
		if want.Target == TargetStopped {
			continue
		}
		for n := range want.Tasks {
			id := TaskID{name, n}
			if l.tasks[id] == nil && l.holds(id) {
				l.tasks[id] = &taskState{restart: l.asked[id]}
				delete(l.asked, id)
			}
		}
	}
	for name := range l.reported {
		if _, ok := l.wanted[name]; !ok {
			delete(l.reported, name)
		}
	}
	maps.DeleteFunc(l.asked, func(id TaskID, _ bool) bool { return id.Task >= l.wanted[id.Connector].Tasks })
	for _, id := range l.sortedTasks() {
		actions = append(actions, l.reconcileTask(id, l.tasks[id])...)
	}
	return actions
}

func (l *Lifecycle) reconcileTask(id TaskID, task *taskState) []Action {
	want, exists := l.wanted[id.Connector]
	exists = exists && id.Task < want.Tasks
	held := l.holds(id)
	run := held && exists && want.Target == TargetStarted
	if held {
		task.handedOver = false
	}
	switch task.phase {
	case running:
		if run && task.generation == want.Generation && !task.restart {
			return nil
		}
		task.phase = stopping
		return []Action{{Kind: StopTask, ID: id, Run: task.run, Generation: task.generation}}
	case stopping:
		return nil
	}
	switch {
	case run && (!task.failed || task.restart || task.generation != want.Generation):
		why := ""
		if !task.restart {
			why = l.Quarantined(id, want.Generation)
		}
		task.failed, task.restart = why != "", false
		task.generation = want.Generation
		if task.failed {
			report := l.report(id, task, Failed, why)
			report.Quarantined = true
			return []Action{report}
		}
		task.phase = running
		task.run++
		return []Action{
			{Kind: StartTask, ID: id, Run: task.run, Generation: task.generation},
			l.report(id, task, Running, ""),
		}
	case run:
		return nil // failed, until it is restarted or configured again
	case held && exists && want.Target == TargetPaused:
		task.restart = false
		if task.failed || task.reported == Paused {
			return nil
		}
		return []Action{l.report(id, task, Paused, "")}
	case held:
		delete(l.tasks, id)
		return []Action{{Kind: ForgetTask, ID: id}}
	}
	delete(l.tasks, id)
	if task.handedOver && exists && (task.reported == Running || task.reported == Restarting) {
		return []Action{l.report(id, task, Unassigned, "")}
	}
	return nil
}

func (l *Lifecycle) report(id TaskID, task *taskState, state State, trace string) Action {
	task.reported, task.trace = state, trace
	return Action{Kind: ReportTask, ID: id, Generation: task.generation, State: state, Trace: trace}
}

func (l *Lifecycle) reportConnector(name string, want Wanted, state State) Action {
	l.reported[name] = state
	return Action{Kind: ReportConnector, ID: TaskID{Connector: name}, Generation: want.Generation, State: state}
}

func (l *Lifecycle) sortedTasks() []TaskID {
	return slices.SortedFunc(maps.Keys(l.tasks), func(a, b TaskID) int {
		return cmp.Or(cmp.Compare(a.Connector, b.Connector), cmp.Compare(a.Task, b.Task))
	})
}
