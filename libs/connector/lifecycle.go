package connector

import (
	"cmp"
	"maps"
	"slices"
)

// lifecycle decides which tasks this worker runs. It has no I/O, clock or goroutine: its methods take what happened and
// return what is to be done, in order.
//
// Invariants:
//   - A task has at most one run at a time; the next starts only after the one before has ended.
//   - A task is started only while its partition is held, its connector is started, and it has not failed since it was
//     last configured, restarted or taken over; if it is quarantined, only when it is restarted.
//   - A report is made only for tasks and connectors whose partition is held, but for UNASSIGNED, which is the last
//     word on a task that is handed over.
type lifecycle struct {
	partitions int32
	held       map[int32]bool
	wanted     map[string]wanted
	tasks      map[taskID]*taskState
	reported   map[string]State // of connectors
	// asked are tasks that somebody wants restarted and that this worker does not hold: if it comes to hold them, its own quarantine, which
	// is older than anything asked of this process, is lifted.
	asked map[taskID]bool
	// quarantined says why a task is not started with a configuration until somebody restarts it; empty if it may be.
	quarantined func(id taskID, generation int64) string
}

// wanted is what the configuration asks of a connector.
type wanted struct {
	generation int64
	tasks      int
	target     target
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
	// handedOver is set when the partition was revoked in good order, so that UNASSIGNED may be reported.
	handedOver bool
	// reported is the last report; empty if none.
	reported State
	trace    string
}

type actionKind string

const (
	startTask       actionKind = "start"
	stopTask        actionKind = "stop"
	reportTask      actionKind = "report"
	reportConnector actionKind = "report-connector"
	forgetTask      actionKind = "forget"
)

// action is one thing to do.
type action struct {
	kind       actionKind
	id         taskID // task is 0 for reportConnector
	run        int
	generation int64
	state      State
	trace      string
	// quarantined is set of a report that keeps the task from being started.
	quarantined bool
}

func newLifecycle(partitions int32) *lifecycle {
	return &lifecycle{
		partitions: partitions,
		held:       map[int32]bool{},
		wanted:     map[string]wanted{},
		tasks:      map[taskID]*taskState{},
		reported:   map[string]State{},
		asked:      map[taskID]bool{},

		quarantined: func(taskID, int64) string { return "" },
	}
}

// configured takes all connectors of this fleet as they are now.
func (l *lifecycle) configured(connectors map[string]wanted) []action {
	l.wanted = connectors
	return l.reconcile()
}

// assigned takes partitions that this worker holds from now on.
func (l *lifecycle) assigned(partitions []int32) []action {
	for _, partition := range partitions {
		l.held[partition] = true
	}
	return l.reconcile()
}

// revoked takes partitions that go to another worker as soon as their tasks have ended.
func (l *lifecycle) revoked(partitions []int32) []action {
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

// lost takes partitions that others may hold already.
func (l *lifecycle) lost(partitions []int32) []action {
	for _, partition := range partitions {
		delete(l.held, partition)
	}
	return l.reconcile()
}

// restarted takes a request to restart a connector, its tasks, or one task.
func (l *lifecycle) restarted(request restart) []action {
	want, ok := l.wanted[request.connector]
	if !ok || want.target != targetStarted {
		return nil
	}
	var actions []action
	if request.record.Task == nil && !request.record.OnlyFailed && l.holds(taskID{request.connector, 0}) {
		actions = append(actions, l.reportConnector(request.connector, want, StateRestarting))
	}
	for _, id := range l.sortedTasks() {
		if id.connector != request.connector || !l.holds(id) {
			continue
		}
		task := l.tasks[id]
		if request.record.Task != nil && *request.record.Task != id.task ||
			request.record.Task == nil && (!request.record.IncludeTasks || request.record.OnlyFailed && !task.failed) {
			continue
		}
		task.restart = true
		actions = append(actions, l.report(id, task, StateRestarting, task.trace))
	}
	for n := range want.tasks {
		id := taskID{request.connector, n}
		if (request.record.Task != nil && *request.record.Task == n || request.record.Task == nil && request.record.IncludeTasks) && !l.holds(id) {
			l.asked[id] = true
		}
	}
	return append(actions, l.reconcile()...)
}

// ended takes the end of a run, with why the task failed, if it did.
func (l *lifecycle) ended(id taskID, run int, trace string) []action {
	task := l.tasks[id]
	if task == nil || task.run != run || task.phase == idle {
		return nil
	}
	byItself := task.phase == running
	task.phase = idle
	var actions []action
	if byItself {
		task.failed = true
		actions = append(actions, l.report(id, task, StateFailed, trace))
	}
	return append(actions, l.reconcile()...)
}

// idle are the connectors whose first task is this worker's and does not run.
func (l *lifecycle) idle() (names []string) {
	for name := range l.wanted {
		id := taskID{name, 0}
		if task := l.tasks[id]; l.holds(id) && (task == nil || task.phase == idle) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// runsOf reports whether a run of a task in one of the partitions has not ended yet.
func (l *lifecycle) runsOf(partitions []int32) bool {
	for id, task := range l.tasks {
		if task.phase != idle && slices.Contains(partitions, l.partition(id)) {
			return true
		}
	}
	return false
}

func (l *lifecycle) partition(id taskID) int32 {
	return partitionOf(id.connector, id.task, l.partitions)
}

func (l *lifecycle) holds(id taskID) bool { return l.held[l.partition(id)] }

// reconcile compares what is wanted with what runs. Calling it again changes nothing.
func (l *lifecycle) reconcile() []action {
	var actions []action
	for _, name := range slices.Sorted(maps.Keys(l.wanted)) {
		want := l.wanted[name]
		if l.holds(taskID{name, 0}) {
			state := map[target]State{targetStarted: StateRunning, targetPaused: StatePaused, targetStopped: StateStopped}[want.target]
			if l.reported[name] != state {
				actions = append(actions, l.reportConnector(name, want, state))
			}
		} else {
			delete(l.reported, name)
		}
		if want.target == targetStopped {
			continue
		}
		for n := range want.tasks {
			id := taskID{name, n}
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
	maps.DeleteFunc(l.asked, func(id taskID, _ bool) bool { return id.task >= l.wanted[id.connector].tasks })
	for _, id := range l.sortedTasks() {
		actions = append(actions, l.reconcileTask(id, l.tasks[id])...)
	}
	return actions
}

func (l *lifecycle) reconcileTask(id taskID, task *taskState) []action {
	want, exists := l.wanted[id.connector]
	exists = exists && id.task < want.tasks
	held := l.holds(id)
	run := held && exists && want.target == targetStarted
	if held {
		task.handedOver = false
	}
	switch task.phase {
	case running:
		if run && task.generation == want.generation && !task.restart {
			return nil
		}
		task.phase = stopping
		return []action{{kind: stopTask, id: id, run: task.run, generation: task.generation}}
	case stopping:
		return nil
	}
	switch {
	case run && (!task.failed || task.restart || task.generation != want.generation):
		why := ""
		if !task.restart {
			why = l.quarantined(id, want.generation)
		}
		task.failed, task.restart = why != "", false
		task.generation = want.generation
		if task.failed {
			report := l.report(id, task, StateFailed, why)
			report.quarantined = true
			return []action{report}
		}
		task.phase = running
		task.run++
		return []action{
			{kind: startTask, id: id, run: task.run, generation: task.generation},
			l.report(id, task, StateRunning, ""),
		}
	case run:
		return nil // failed, until it is restarted or configured anew
	case held && exists && want.target == targetPaused:
		task.restart = false
		if task.failed || task.reported == StatePaused {
			return nil
		}
		return []action{l.report(id, task, StatePaused, "")}
	case held:
		delete(l.tasks, id)
		return []action{{kind: forgetTask, id: id}}
	}
	delete(l.tasks, id)
	if task.handedOver && exists && (task.reported == StateRunning || task.reported == StateRestarting) {
		return []action{l.report(id, task, StateUnassigned, "")}
	}
	return nil
}

func (l *lifecycle) report(id taskID, task *taskState, state State, trace string) action {
	task.reported, task.trace = state, trace
	return action{kind: reportTask, id: id, generation: task.generation, state: state, trace: trace}
}

func (l *lifecycle) reportConnector(name string, want wanted, state State) action {
	l.reported[name] = state
	return action{kind: reportConnector, id: taskID{connector: name}, generation: want.generation, state: state}
}

func (l *lifecycle) sortedTasks() []taskID {
	return slices.SortedFunc(maps.Keys(l.tasks), func(a, b taskID) int {
		return cmp.Or(cmp.Compare(a.connector, b.connector), cmp.Compare(a.task, b.task))
	})
}
