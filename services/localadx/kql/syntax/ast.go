package syntax

import "github.com/calypso-cdc/calypso/services/localadx/kql/value"

// span is a place in the query text: byte offsets.
type Span struct{ Start, End int }

// node is an expression of the syntax tree. Tabular expressions are expressions too: what a name or
// call is, is known only when it is bound.
type Node interface{ Place() Span }

func (s Span) Place() Span { return s }

type (
	// nameNode is a reference to a column, variable, table or function.
	NameNode struct {
		Span
		Name string
	}
	// literalNode is a literal. Value is bool, int64, float64 or string (decimal text, string, guid; JSON for dynamic);
	// datetime and timespan are int64 ticks; nil is a typed null.
	LiteralNode struct {
		Span
		Type  value.Type
		Value any
	}
	// unaryNode is -X or +X.
	UnaryNode struct {
		Span
		Op string
		X  Node
	}
	BinaryNode struct {
		Span
		Op   string
		L, R Node
	}
	// betweenNode is X [!]between (Low .. High).
	BetweenNode struct {
		Span
		X, Low, High Node
		Not          bool
	}
	// inNode is X op (List): op is in, !in, in~, !in~, has_any or has_all.
	InNode struct {
		Span
		Op   string
		X    Node
		List []Node
	}
	// callNode is Name(Args).
	CallNode struct {
		Span
		Name string
		Args []Argument
	}
	// memberNode is X.Name or X.['Name'].
	MemberNode struct {
		Span
		X    Node
		Name string
	}
	// indexNode is X[Index].
	IndexNode struct {
		Span
		X, Index Node
	}
	// starNode is *.
	StarNode struct{ Span }
	// typeofNode is typeof(long), or typeof(a:long, …) with Columns.
	TypeofNode struct {
		Span
		Type    value.Type
		Columns []ColumnDef
	}
	// wildcardNode is a name with asterisks, as in union T* or project-away a*.
	WildcardNode struct {
		Span
		Pattern string
	}
	// pipelineNode is Source | Ops.
	PipelineNode struct {
		Span
		Source Node
		Ops    []Operator
	}
	// datatableNode is datatable(Columns)[Values], in row order.
	DatatableNode struct {
		Span
		Columns []ColumnDef
		Values  []Node
	}
	// rangeNode is range Column from From to To step Step.
	RangeNode struct {
		Span
		Column         string
		From, To, Step Node
	}
	// printNode is print Items.
	PrintNode struct {
		Span
		Items []NamedExpr
	}
	// lambdaNode is (Params) { Body }.
	LambdaNode struct {
		Span
		Params []ParameterDef
		Body   []Statement
		View   bool
	}
)

// argument is an argument of a call; Name is set for name=value.
type Argument struct {
	Name string
	X    Node
}

// namedExpr is an expression with the names it is given: none, one, or a list in parentheses.
type NamedExpr struct {
	Names []string
	X     Node
}

// columnDef is name:type.
type ColumnDef struct {
	Name string
	Type value.Type
}

// parameterDef is a parameter of a lambda: a scalar with an optional default, or a table (Columns, or Any for (*)).
type ParameterDef struct {
	Name    string
	Type    value.Type
	Tabular bool
	Columns []ColumnDef
	Default Node
}

// statement is one of the statements before and including the query.
type Statement interface{ Place() Span }

type (
	LetStatement struct {
		Span
		Name string
		X    Node
	}
	SetStatement struct {
		Span
		Name  string
		Value Node
	}
	// declareStatement is declare query_parameters(…).
	DeclareStatement struct {
		Span
		Params []ParameterDef
	}
	// patternStatement is declare pattern Name = (Params)[Path] { cases }.
	PatternStatement struct {
		Span
		Name  string
		Cases []patternCase
	}
	QueryStatement struct {
		Span
		X      Node
		Forked bool // X is a branch of a query that forks
	}
)

// patternCase is (Args).[Path] = { Body }.
type patternCase struct {
	Args []string
	Path string
	Body []Statement
}

// operator is a tabular operator behind a pipe.
type Operator interface{ Place() Span }

type (
	WhereOp struct {
		Span
		X Node
	}
	// projectOp is project, extend, distinct (Kind).
	ProjectOp struct {
		Span
		Kind  string
		Items []NamedExpr
	}
	// columnsOp is project-away, project-keep, project-reorder or project-by-names (Kind); Order is "", asc, desc,
	// granny-asc or granny-desc per item.
	ColumnsOp struct {
		Span
		Kind  string
		Items []Node
		Order []string
	}
	SummarizeOp struct {
		Span
		Aggregates []NamedExpr
		By         []NamedExpr
	}
	SortOp struct {
		Span
		Keys []SortKey
	}
	TakeOp struct {
		Span
		Count Node
	}
	TopOp struct {
		Span
		Count Node
		Keys  []SortKey
	}
	CountOp struct {
		Span
		Name string
	}
	// joinOp is join or lookup.
	JoinOp struct {
		Span
		Lookup bool
		Kind   string // inner, innerunique, leftouter …
		Right  Node
		On     []Node
		Then   []Node // predicates of the where operators that follow
	}
	UnionOp struct {
		Span
		Tables     []Node
		Inner      bool
		WithSource string
		Fuzzy      bool
	}
	MvExpandOp struct {
		Span
		Items     []MvItem
		ItemIndex string
		Array     bool // bagexpansion=array
		Limit     Node
		Apply     *PipelineNode // mv-apply: the subquery; nil for mv-expand
	}
	ParseOp struct {
		Span
		Where   bool // parse-where
		Kind    string
		Flags   string
		X       Node
		Pattern []ParsePart
	}
	ParseKVOp struct {
		Span
		X          Node
		Columns    []ColumnDef
		Properties []Argument
	}
	MakeSeriesOp struct {
		Span
		Aggregates     []SeriesAggregate
		Axis           NamedExpr
		From, To, Step Node
		By             []NamedExpr
		NonEmpty       bool // kind=nonempty: an empty input gives a series of defaults
	}
	RenderOp struct {
		Span
		Kind       string
		Properties map[string]string
	}
	SerializeOp struct {
		Span
		Items []NamedExpr
	}
	AsOp struct {
		Span
		Name string
	}
	GetSchemaOp struct{ Span }
	// evaluateOp is evaluate Plugin(Args) [: ([*,] Schema)]; Star stands for the columns of the input.
	EvaluateOp struct {
		Span
		Call   *CallNode
		Star   bool
		Schema []ColumnDef
	}
	InvokeOp struct {
		Span
		Call *CallNode
	}
	// partitionOp is partition by column, over the rows of each key or with a query of its own.
	PartitionOp struct {
		Span
		By       NameNode
		Sub      *PipelineNode // ( operators )
		Explicit Node          // { query }, which names the key; nil with Sub
	}
	ScanOp struct {
		Span
		MatchID string
		Declare []ParameterDef
		Steps   []scanStep
	}
	TopNestedOp struct {
		Span
		Levels []TopNestedLevel
	}
	SampleOp struct {
		Span
		Count Node
		Of    Node // sample-distinct
	}
	SearchOp struct {
		Span
		X             Node
		Tables        []Node
		CaseSensitive bool
	}
	// findOp is find in (Tables) where X project Columns; a column without a type has that of the tables.
	FindOp struct {
		Span
		WithSource string
		Tables     []Node // none: all
		X          Node
		Columns    []ColumnDef
		Smart      bool // the columns are those of the predicate and those that all tables have, the others in a bag
		PackAll    bool // all columns that are not in Columns are in a bag
	}
	ReduceOp struct {
		Span
		By         Node
		Properties []Argument
	}
	TopHittersOp struct {
		Span
		Count, Of, By Node
	}
	ConsumeOp struct{ Span }
	// forkOp is fork, or facet, at the end of a query: each branch is a result.
	ForkOp struct {
		Span
		Branches [][]Operator
	}
	// makeGraphOp is make-graph Source --> Target with Nodes.
	MakeGraphOp struct {
		Span
		Source, Target string
		Nodes          []GraphNodes
		NodeID         string
	}
	// graphMatchOp is graph-match, or graph-shortest-paths.
	GraphMatchOp struct {
		Span
		Shortest, All bool   // All: output=all
		Cycles        string // all, none, unique_edges
		Paths         []GraphPath
		Where         Node // nil: all
		Project       []NamedExpr
	}
	GraphToTableOp struct {
		Span
		Edges                      bool
		NodeID, SourceID, TargetID string
	}
	GraphComponentsOp struct {
		Span
		Strong bool
		Name   string
	}
)

// graphNodes is a table of nodes and its column of ids.
type GraphNodes struct {
	Table Node
	ID    string
}

// graphPath is a sequence of a pattern: one node more than edges; those without a name are "".
type GraphPath struct {
	Nodes []string
	Edges []GraphEdge
}

// graphEdge leads from the node before it (Direction 1), to it (-1), or either way (0). A variable one is a path of Min
// to Max edges.
type GraphEdge struct {
	Name      string
	Direction int
	Variable  bool
	Min, Max  int
}

// sortKey is one key of sort, top or order; empty Nulls means the default for the direction.
type SortKey struct {
	X     Node
	Asc   bool
	Nulls string // "", first, last
}

type MvItem struct {
	Name string
	X    Node
	To   value.Type // Unknown: dynamic
}

// parsePart is a piece of a parse pattern: a literal, * or a column.
type ParsePart struct {
	Literal string
	Star    bool
	Column  string
	Type    value.Type
}

type SeriesAggregate struct {
	Expr    NamedExpr
	Default Node
}

type scanStep struct {
	Span
	Name     string
	Optional bool
	Output   string // all, last, none
	When     Node
	Set      []NamedExpr
}

type TopNestedLevel struct {
	Count  Node // nil: all
	Of     NamedExpr
	Others Node
	By     NamedExpr
	Asc    bool
}

// maxColumns bounds the columns of any intermediate result.
const MaxColumns = 2000
