// Package connector is what the connector classes, the runtime that runs them and the callers of its services agree on:
// what a class declares (Plugin), what a task is given and promises (TaskEnv, Task), the reasons of errors, and the
// names and keys that Kafka Connect's tools expect. It has no goroutines and no state.
//
// Model. A connector is a name and a configuration, appended to a compacted config topic. Its unit of work is the task.
// Every worker of a fleet joins one consumer group over the config topic's partitions; a task hashes to a partition,
// and the worker that holds the partition runs the task. There is no other coordination: Kafka's group protocol divides
// the partitions, evenly by the tasks on them, and a task fences its predecessor by its transactional id. The config
// and status topics are read whole by every worker, so that any worker answers and takes any call.
//
// The packages, each of which knows only those above it:
//
//	catalogue  configuration keys: their declaration, and reading a configuration by it
//	parts      the keys of converters, transforms and predicates
//	secret     references, masks, and removing secrets from texts
//	state      what the topics say and what follows from it, without Kafka, clock or goroutine
//	connector  this package
//	store      the topics in Kafka: configurations and statuses, what tasks keep, the timeline
//	classes    the classes of a fleet, and reading configurations of theirs
//	preflight  a look at Kafka and at the source or target of a configuration
//	crash      what ended the worker's last processes, and who is not to be started for that
//	runtime    the worker: membership of the fleet, the life cycle of its tasks, and running them
//	api        ConnectorService over all of that
//
// Guarantees. A task runs on at most one worker that can still write: it moves only after its run
// has ended, or after the session of a worker that does not answer has ended, by when that worker
// has stopped it by itself (a process that was frozen and thaws is fenced). A configuration change
// is acted on by the owner in the order of the config topic. Calls to one worker do not overtake
// each other; of calls about one connector to two workers at the same moment the later one in the
// config topic counts. States are exactly Kafka Connect's. While Kafka cannot be reached, changes
// are refused, questions are answered from what is known, and everything resumes by itself when it
// comes back.
package connector
