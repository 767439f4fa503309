package command

import (
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/kql/value"
)

func clusterCommands() []definition {
	return []definition{
		{".show version", "the service's version", showVersion},
		{".show cluster", "the service's one node", showCluster},
		{".show cluster principals", "who may use the service; localadx has no users of its own", showClusterPrincipals},
		{".show diagnostics", "whether the service is healthy", showDiagnostics},
		{".show capacity", "how much can run at a time", showCapacity},
		{".show principal access with <options:props>",
			"whether a principal may use a table: always, localadx has no users of its own", showPrincipalAccess},
		{".show principal access", "whether a principal may use a table: always, localadx has no users of its own",
			showPrincipalAccess},
		{".show principal roles", "the current principal's roles", showClusterPrincipals},
		{".show operations", "list the last commands", showOperations},
		{".show operations <operation:value>", "show one of the last commands", showOperations},
		{".show queries", "list the last queries and those under way", showQueries},
		{".show running queries", "list the queries under way", showRunningQueries},
		{".cancel query <query:string> [ with <options:props> ]",
			"end a query under way, by the ClientActivityId that .show queries shows", cancelQuery},
		{".show commands", "list the last commands", showCommands},
		{".show commands-and-queries", "list the last commands and queries", showCommandsAndQueries},
		{".show workload_groups", "list the workload groups: there is one", showWorkloadGroups},
		{".execute database script [ with <options:props> ] <| <script:rest>",
			"run several commands, one after the other", executeScript},
		{".execute script [ with <options:props> ] <| <script:rest>",
			"run several commands, one after the other", executeScript},
	}
}

func showVersion(c *call) (*Result, error) {
	r := newResult("BuildVersion:string", "BuildTime:datetime", "ServiceType:string", "ProductVersion:string",
		"ServiceOffering:string")
	r.add(c.env.Version, value.TicksOf(c.env.Started), "Engine", "localadx "+c.env.Version, `{"Type":"localadx"}`)
	return r, nil
}

func showCluster(c *call) (*Result, error) {
	r := newResult("NodeId:string", "Address:string", "Name:string", "StartTime:datetime", "IsAdmin:bool",
		"MachineTotalMemory:long",
		"MachineAvailableMemory:long", "ProcessorCount:int", "EnvironmentDescription:string")
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	host, err := os.Hostname()
	if err != nil {
		host = "localadx"
	}
	r.add("localadx", c.env.Address, host, value.TicksOf(c.env.Started), true, int64(memory.Sys),
		int64(memory.Sys-memory.HeapInuse), int32(runtime.NumCPU()), "localadx")
	return r, nil
}

func showClusterPrincipals(c *call) (*Result, error) {
	r := principalsResult()
	r.add("AllDatabasesAdmin", "Anyone", "everyone who can reach localadx", "", "*", "", "")
	return r, nil
}

func showDiagnostics(c *call) (*Result, error) {
	statistics, err := c.env.Store.Statistics(c.ctx)
	if err != nil {
		return nil, err
	}
	var extents, size int64
	for _, s := range statistics {
		extents += s.Extents
		size += s.OriginalSize
	}
	r := newResult("IsHealthy:bool", "EnvironmentDescription:string", "IsScaleOutRequired:bool", "MachinesTotal:int",
		"MachinesOffline:int",
		"NodeLastRestartedOn:datetime", "ExtentsTotal:int", "TotalOriginalDataSize:real", "BuildVersion:string",
		"ProductVersion:string")
	r.add(true, "localadx", false, int32(1), int32(0), value.TicksOf(c.env.Started), int32(extents), float64(size),
		c.env.Version, "localadx "+c.env.Version)
	return r, nil
}

func showCapacity(c *call) (*Result, error) {
	r := newResult("Resource:string", "Total:long", "Consumed:long", "Remaining:long", "Origin:string")
	for _, resource := range []string{"Ingestions", "ExtentsMerge", "DataExport", "MaterializedView",
		"StreamingIngestPostProcessing"} {
		n := int64(runtime.NumCPU())
		r.add(resource, n, int64(0), n, "localadx")
	}
	return r, nil
}

// showPrincipalAccess answers the check that the Kafka connector makes; it reads the fourth column.
func showPrincipalAccess(c *call) (*Result, error) {
	r := newResult("Principal:string", "DatabaseName:string", "TableName:string", "HasAccess:bool", "Details:string")
	options := c.options["options"]
	database := given(options, "database", c.Database)
	if database != "" {
		d, err := c.env.Store.Catalog().Database(database)
		if err != nil {
			return nil, err
		}
		if table := options["table"]; table != "" {
			if _, err := d.Table(table); err != nil {
				return nil, err
			}
		}
	}
	r.add(options["principal"], database, options["table"], true, "")
	return r, nil
}

func showOperations(c *call) (*Result, error) {
	r := newResult("OperationId:guid", "Operation:string", "NodeId:string", "StartedOn:datetime", "LastUpdatedOn:datetime",
		"Duration:timespan",
		"State:string", "Status:string", "RootActivityId:guid", "ShouldRetry:bool", "Database:string",
		"Principal:string", "User:string",
		"AdminEpochStartTime:datetime", "VirtualCluster:string")
	for _, e := range c.env.Journal.Commands() {
		if c.Has("operation") && !strings.EqualFold(c.Text("operation"), e.ID.String()) {
			continue
		}
		r.add(e.ID.String(), e.Kind, "localadx", value.TicksOf(e.Started), value.TicksOf(e.Started.Add(e.Duration)),
			e.Duration.Nanoseconds()/100,
			e.State, e.Failure, e.ID.String(), false, e.Database, e.User, e.User, value.TicksOf(c.env.Started), "")
	}
	return r, nil
}

func showQueries(c *call) (*Result, error) {
	return queriesResult(append(c.env.Journal.Queries(), c.env.Journal.Running()...)), nil
}

func showRunningQueries(c *call) (*Result, error) {
	return queriesResult(c.env.Journal.Running()), nil
}

// cancelQuery answers with the columns that Kusto does. A query that computes a single value for
// long ends when it has it.
func cancelQuery(c *call) (*Result, error) {
	r := newResult("ClientRequestId:string", "ReasonPhrase:string", "RunningQueryCanceled:bool")
	reason := c.option("options", "reason")
	r.add(c.Text("query"), reason, c.env.Journal.Cancel(c.Text("query"), reason))
	return r, nil
}

func queriesResult(entries []Entry) *Result {
	r := newResult("ClientActivityId:string", "Text:string", "Database:string", "StartedOn:datetime",
		"LastUpdatedOn:datetime", "Duration:timespan",
		"State:string", "RootActivityId:guid", "User:string", "FailureReason:string", "TotalCpu:timespan",
		"CacheStatistics:dynamic",
		"Application:string", "MemoryPeak:long", "ScannedExtentsStatistics:dynamic", "Principal:string",
		"ClientRequestProperties:dynamic",
		"ResultSetStatistics:dynamic", "WorkloadGroup:string", "OverallQueryStats:string", "VirtualCluster:string")
	for _, e := range entries {
		r.add(e.ClientID, e.Text, e.Database, value.TicksOf(e.Started), value.TicksOf(e.Started.Add(e.Duration)),
			e.Duration.Nanoseconds()/100,
			e.State, e.ID.String(), e.User, e.Failure, e.Duration.Nanoseconds()/100, "{}", "", int64(0), "{}", e.User, "{}",
			"{}", "default", "", "")
	}
	return r
}

func showCommands(c *call) (*Result, error) {
	r := newResult("ClientActivityId:string", "CommandType:string", "Text:string", "Database:string", "StartedOn:datetime",
		"LastUpdatedOn:datetime",
		"Duration:timespan", "State:string", "RootActivityId:guid", "User:string", "FailureReason:string",
		"Application:string",
		"Principal:string", "TotalCpu:timespan", "ResourcesUtilization:dynamic", "ClientRequestProperties:dynamic",
		"WorkloadGroup:string",
		"VirtualCluster:string")
	for _, e := range c.env.Journal.Commands() {
		r.add(e.ClientID, e.Kind, e.Text, e.Database, value.TicksOf(e.Started), value.TicksOf(e.Started.Add(e.Duration)),
			e.Duration.Nanoseconds()/100,
			e.State, e.ID.String(), e.User, e.Failure, "", e.User, e.Duration.Nanoseconds()/100, "{}", "{}", "default", "")
	}
	return r, nil
}

func showCommandsAndQueries(c *call) (*Result, error) {
	r := newResult("ClientActivityId:string", "CommandType:string", "Text:string", "Database:string", "StartedOn:datetime",
		"LastUpdatedOn:datetime",
		"Duration:timespan", "State:string", "FailureReason:string", "RootActivityId:guid", "User:string")
	for _, e := range append(c.env.Journal.Commands(), c.env.Journal.Queries()...) {
		r.add(e.ClientID, e.Kind, e.Text, e.Database, value.TicksOf(e.Started), value.TicksOf(e.Started.Add(e.Duration)),
			e.Duration.Nanoseconds()/100,
			e.State, e.Failure, e.ID.String(), e.User)
	}
	return r, nil
}

func showWorkloadGroups(c *call) (*Result, error) {
	r := newResult("WorkloadGroupName:string", "WorkloadGroup:string")
	r.add("default", "{}")
	return r, nil
}

// executeScript runs commands that each begin with a dot at a line's start. It stops at the first that fails unless
// ContinueOnErrors is true.
func executeScript(c *call) (*Result, error) {
	r := newResult("OperationId:guid", "CommandType:string", "CommandText:string", "Result:string", "Reason:string")
	keepGoing := strings.EqualFold(c.option("options", "continueonerrors"), "true")
	for _, text := range splitScript(c.Text("script")) {
		request := c.Request
		request.Statement = text
		started := time.Now()
		name, _, err := c.nested(c.ctx, request)
		entry := newEntry(request, name, started, err)
		r.add(entry.ID.String(), name, text, entry.State, entry.Failure)
		if err != nil && !keepGoing {
			if strings.EqualFold(c.option("options", "throwonerrors"), "true") {
				return nil, err
			}
			break
		}
	}
	return r, nil
}

// splitScript cuts a script into its commands. Lines within strings and brackets belong to the
// command that they are in.
func splitScript(script string) []string {
	var commands []string
	start := -1
	atLineStart := true
	for offset := 0; ; {
		blank := skipBlank(script, offset)
		atLineStart = atLineStart || strings.Contains(script[offset:blank], "\n")
		t := next(script, offset)
		if t.kind == endToken || t.kind == badToken {
			break
		}
		if atLineStart && t.kind == wordToken && t.text[0] == '.' {
			if start >= 0 {
				commands = append(commands, strings.TrimSpace(script[start:t.start]))
			}
			start = t.start
		}
		atLineStart = false
		offset = t.end
	}
	if start >= 0 {
		commands = append(commands, strings.TrimSpace(script[start:]))
	}
	return commands
}

// refusedCommands are commands that localadx knows but does not support; they get an error of their own.
func refusedCommands() []definition {
	refused := [][2]string{
		{".export <rest:rest>", "exporting is not supported: query the data and write it where it is needed"},
		{".create external <rest:rest>", "external tables are not supported"},
		{".create-or-alter external <rest:rest>", "external tables are not supported"},
		{".alter cluster <rest:rest>", "cluster policies are not supported"},
		{".add <rest:rest>", "principals are not supported: localadx has no users of its own, only an optional bearer token"},
		{".set cluster <rest:rest>", "cluster settings are not supported"},
		{".replace extents <rest:rest>", "replacing extents is not supported"},
		{".create row_level_security <rest:rest>", "row level security is not supported"},
		{".create-or-alter continuous-export <rest:rest>", "continuous export is not supported"},
	}
	var definitions []definition
	for _, r := range refused {
		pattern, reason := r[0], r[1]
		definitions = append(definitions, definition{pattern, "refused: " + reason, func(c *call) (*Result, error) {
			line, column := position(c.Statement, skipBlank(c.Statement, 0))
			return nil, &syntax.Error{Code: "SEM0001", Message: "The command is not available in localadx", Hint: reason,
				Line: line, Column: column, Permanent: true}
		}})
	}
	return definitions
}
