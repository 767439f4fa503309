package fidelity

import (
	"fmt"
	"slices"
	"strings"
)

// Trait is one way in which the server is like the service.
type Trait string

// The traits; the table below says what they do.
const (
	SkippedAsFailed   Trait = "skipped-as-failed"
	Redelivery        Trait = "redelivery"
	RetriesExceeded   Trait = "retries-exceeded"
	StreamingCache    Trait = "streaming-cache"
	ReservedNames     Trait = "reserved-names"
	ViewsFromCreation Trait = "views-from-creation"
	TwoQueues         Trait = "two-queues"
	RotatingStorage   Trait = "rotating-storage"
)

// Description says what a trait does.
type Description struct {
	Name  Trait
	About string
}

// Traits lists all traits.
func Traits() []Description {
	return []Description{
		{SkippedAsFailed,
			"ends a blob that `ingestIfNotExists` drops as `Failed` with the code `Skipped_IngestByTagAlreadyExists`, `Permanent`, and not as `Skipped`"},
		{Redelivery, "hands every third message out twice: the first time its rows are committed and nothing is said of it"},
		{RetriesExceeded, "ends every third request, its rows committed, as `General_RetryAttemptsExceeded`, `Permanent`"},
		{StreamingCache,
			"lets streaming ingestion see changed columns and mappings after five minutes, or after `.clear table … cache streamingingestion schema`"},
		{ReservedNames, "refuses names of tables and columns that begin or end with two underscores"},
		{ViewsFromCreation, "makes a materialized view without `backfill` of the rows alone that come after it"},
		{TwoQueues, "hands out two queues for requests to ingest"},
		{RotatingStorage,
			"hands out other containers, queues and status tables every two hours, or every `--storage-life`; the earlier ones are there for as long again, then requests to them end as `ContainerNotFound`, `QueueNotFound` and `TableNotFound`"},
	}
}

// Names lists the traits' names.
func Names() string {
	var names []string
	for _, d := range Traits() {
		names = append(names, string(d.Name))
	}
	return strings.Join(names, ", ")
}

// Emulator is how a server answers as Kusto's emulator (kustainer) does where that has no data
// management service: queued and streaming ingestion are not there
// (learn.microsoft.com/azure/data-explorer/kusto-emulator-overview). Empty for a server that has
// them.
type Emulator string

// The ways in which `.get ingestion resources` is refused: as an unknown command
// (Azure/azure-kusto-go#293), and as one for another endpoint, which an engine of a cluster answers
// (Azure/azure-kusto-python#313).
const (
	SyntaxError   Emulator = "syntax-error"
	WrongEndpoint Emulator = "wrong-endpoint"
)

// ParseEmulator reads the name of a way.
func ParseEmulator(name string) (Emulator, error) {
	switch e := Emulator(name); e {
	case "", SyntaxError, WrongEndpoint:
		return e, nil
	}
	return "", fmt.Errorf("an emulator answers as %s or %s, not as %q", SyntaxError, WrongEndpoint, name)
}

// Unmanaged is the refusal of a command that is for a data management service.
type Unmanaged struct{ Emulator Emulator }

func (u *Unmanaged) Error() string {
	if u.Emulator == SyntaxError {
		return "Syntax error: "
	}
	return "Cannot get ingestion resources from this service endpoint. The appropriate endpoint is most likely 'https://ingest-somecluster.kusto.windows.net/'."
}

// Check returns an *Unmanaged for a command that the emulator does not know.
func (e Emulator) Check(command string) error {
	if e != "" && (strings.HasPrefix(command, ".get ") || strings.HasPrefix(command, ".show ingestion resources")) {
		return &Unmanaged{e}
	}
	return nil
}

// Set is some traits; nil is none.
type Set []Trait

// Has reports whether the set has the trait.
func (s Set) Has(t Trait) bool { return slices.Contains(s, t) }

// Parse reads names of traits; "all" is all of them, and "-" before a name takes it away again.
func Parse(names []string) (Set, error) {
	var all Set
	for _, d := range Traits() {
		all = append(all, d.Name)
	}
	var set Set
	for _, name := range names {
		less, without := strings.CutPrefix(name, "-")
		switch {
		case name == "all":
			set = append(set, all...)
		case without && all.Has(Trait(less)):
			set = slices.DeleteFunc(set, func(t Trait) bool { return t == Trait(less) })
		case all.Has(Trait(name)):
			set = append(set, Trait(name))
		default:
			return nil, fmt.Errorf("there is no trait %q of the service: there are %s, and all", name, Names())
		}
	}
	return set, nil
}
