package state

import (
	"maps"
	"slices"
)

// Sweep compares the status topic with what this worker last reported about the tasks and
// connectors that it holds: differences are reported again, and statuses of tasks and connectors
// that do not exist are removed. worker is this worker's name; exists reports whether a connector
// has a configuration in any fleet.
func (l *Lifecycle) Sweep(worker string, said map[string]Statuses, exists func(name string) bool) []Action {
	var actions []Action
	for _, id := range l.sortedTasks() {
		task := l.tasks[id]
		if task.reported == "" || !l.holds(id) {
			continue
		}
		latest, ok := said[id.Connector].Tasks[id.Task]
		if !ok || latest.State != task.reported || latest.WorkerID != worker {
			actions = append(actions, Action{Kind: ReportTask, ID: id, Generation: task.generation, State: task.reported,
				Trace: task.trace})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.reported)) {
		if latest := said[name].Connector; latest == nil || latest.State != l.reported[name] || latest.WorkerID != worker {
			actions = append(actions, Action{Kind: ReportConnector, ID: TaskID{Connector: name},
				Generation: l.wanted[name].Generation, State: l.reported[name]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(said)) {
		if !exists(name) && l.holds(TaskID{name, 0}) {
			actions = append(actions, Action{Kind: ForgetConnector, ID: TaskID{Connector: name}})
			continue
		}
		if _, ours := l.wanted[name]; !ours {
			continue
		}
		for _, n := range slices.Sorted(maps.Keys(said[name].Tasks)) {
			if id := (TaskID{name, n}); l.tasks[id] == nil && l.holds(id) {
				actions = append(actions, Action{Kind: ForgetTask, ID: id})
			}
		}
	}
	return actions
}

// Tombstones returns the records that remove everything the status topic says about a connector.
func (s Statuses) Tombstones(name string) []Entry {
	var entries []Entry
	if s.Connector != nil {
		entries = append(entries, Entry{Key: StatusConnectorKey + name})
	}
	for n := range s.Tasks {
		entries = append(entries, Entry{Key: TaskStatusKey(TaskID{name, n})})
	}
	for topic := range s.Topics {
		entries = append(entries, Entry{Key: TopicStatusKey(name, topic)})
	}
	for note := range s.Notes {
		entries = append(entries, Entry{Key: noteRecordKey(name, note)})
	}
	return entries
}
