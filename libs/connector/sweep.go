package connector

// sweep mends the status topic: it writes again what this worker last said of what it holds where the topic says
// something else, and removes what is said of tasks that do not exist.
func (w *Worker) sweep() {
	if w.store.pendingStatus.Load() > 0 {
		return
	}
	statuses := w.store.allStatuses()
	for id, task := range w.lifecycle.tasks {
		if task.reported == "" || !w.lifecycle.holds(id) {
			continue
		}
		said, ok := statuses[id.connector].tasks[id.task]
		if !ok || said.State != task.reported || said.WorkerID != w.config.WorkerID {
			w.act([]action{{kind: reportTask, id: id, generation: task.generation, state: task.reported, trace: task.trace}})
		}
	}
	for name, state := range w.lifecycle.reported {
		if said := statuses[name].connector; said == nil || said.State != state || said.WorkerID != w.config.WorkerID {
			w.act([]action{{kind: reportConnector, id: taskID{connector: name}, generation: w.lifecycle.wanted[name].generation, state: state}})
		}
	}
	for name, said := range statuses {
		if _, exists := w.store.get(name); !exists && w.lifecycle.holds(taskID{name, 0}) {
			w.forgetAll(name, said)
			continue
		}
		if _, ours := w.lifecycle.wanted[name]; !ours {
			continue
		}
		for n := range said.tasks {
			id := taskID{name, n}
			if w.lifecycle.tasks[id] == nil && w.lifecycle.holds(id) {
				w.forget(id)
			}
		}
	}
}

// forgetAll removes everything the status topic says about a connector that was deleted.
func (w *Worker) forgetAll(name string, said connectorStatuses) {
	if said.connector != nil {
		w.store.report(name, entry{key: statusConnectorKey + name})
	}
	for n := range said.tasks {
		w.store.report(name, entry{key: taskStatusKey(taskID{name, n})})
	}
	for topic := range said.topics {
		w.store.report(name, entry{key: topicStatusKey(name, topic)})
	}
}
