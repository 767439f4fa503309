package kql

// span is a place in the query text: byte offsets.
type span struct{ Start, End int }

// node is an expression of the syntax tree. Tabular expressions are expressions too: what a name or call is, is known only
// when it is bound.
type node interface{ place() span }

func (s span) place() span { return s }

type (
	// nameNode is a reference to a column, variable, table or function.
	nameNode struct {
		span
		Name string
	}
	// literalNode is a literal. Value is bool, int64, float64 or string (decimal text, string, guid; JSON for dynamic);
	// datetime and timespan are int64 ticks; nil is a typed null.
	literalNode struct {
		span
		Type  Type
		Value any
	}
	// unaryNode is -X or +X.
	unaryNode struct {
		span
		Op string
		X  node
	}
	binaryNode struct {
		span
		Op   string
		L, R node
	}
	// betweenNode is X [!]between (Low .. High).
	betweenNode struct {
		span
		X, Low, High node
		Not          bool
	}
	// inNode is X op (List): op is in, !in, in~, !in~, has_any or has_all.
	inNode struct {
		span
		Op   string
		X    node
		List []node
	}
	// callNode is Name(Args).
	callNode struct {
		span
		Name string
		Args []argument
	}
	// memberNode is X.Name or X.['Name'].
	memberNode struct {
		span
		X    node
		Name string
	}
	// indexNode is X[Index].
	indexNode struct {
		span
		X, Index node
	}
	// starNode is *.
	starNode struct{ span }
	// typeofNode is typeof(long), or typeof(a:long, …) with Columns.
	typeofNode struct {
		span
		Type    Type
		Columns []columnDef
	}
	// wildcardNode is a name with asterisks, as in union T* or project-away a*.
	wildcardNode struct {
		span
		Pattern string
	}
	// pipelineNode is Source | Ops.
	pipelineNode struct {
		span
		Source node
		Ops    []operator
	}
	// datatableNode is datatable(Columns)[Values], in row order.
	datatableNode struct {
		span
		Columns []columnDef
		Values  []node
	}
	// rangeNode is range Column from From to To step Step.
	rangeNode struct {
		span
		Column         string
		From, To, Step node
	}
	// printNode is print Items.
	printNode struct {
		span
		Items []namedExpr
	}
	// lambdaNode is (Params) { Body }.
	lambdaNode struct {
		span
		Params []parameterDef
		Body   []statement
		View   bool
	}
)

// argument is an argument of a call; Name is set for name=value.
type argument struct {
	Name string
	X    node
}

// namedExpr is an expression with the names it is given: none, one, or a list in parentheses.
type namedExpr struct {
	Names []string
	X     node
}

// columnDef is name:type.
type columnDef struct {
	Name string
	Type Type
}

// parameterDef is a parameter of a lambda: a scalar with an optional default, or a table (Columns, or Any for (*)).
type parameterDef struct {
	Name    string
	Type    Type
	Tabular bool
	Columns []columnDef
	Default node
}

// statement is one of the statements before and including the query.
type statement interface{ place() span }

type (
	letStatement struct {
		span
		Name string
		X    node
	}
	setStatement struct {
		span
		Name  string
		Value node
	}
	// declareStatement is declare query_parameters(…).
	declareStatement struct {
		span
		Params []parameterDef
	}
	// patternStatement is declare pattern Name = (Params)[Path] { cases }.
	patternStatement struct {
		span
		Name  string
		Cases []patternCase
	}
	queryStatement struct {
		span
		X node
	}
)

// patternCase is (Args).[Path] = { Body }.
type patternCase struct {
	Args []string
	Path string
	Body []statement
}

// operator is a tabular operator behind a pipe.
type operator interface{ place() span }

type (
	whereOp struct {
		span
		X node
	}
	// projectOp is project, extend, distinct (Kind).
	projectOp struct {
		span
		Kind  string
		Items []namedExpr
	}
	// columnsOp is project-away, project-keep or project-reorder (Kind); Order is "", asc, desc, granny-asc or granny-desc per item.
	columnsOp struct {
		span
		Kind  string
		Items []node
		Order []string
	}
	summarizeOp struct {
		span
		Aggregates []namedExpr
		By         []namedExpr
	}
	sortOp struct {
		span
		Keys []sortKey
	}
	takeOp struct {
		span
		Count node
	}
	topOp struct {
		span
		Count node
		Keys  []sortKey
	}
	countOp struct {
		span
		Name string
	}
	// joinOp is join or lookup.
	joinOp struct {
		span
		Lookup bool
		Kind   string // inner, innerunique, leftouter …
		Right  node
		On     []node
		Then   []node // predicates of the where operators that follow
	}
	unionOp struct {
		span
		Tables     []node
		Inner      bool
		WithSource string
		Fuzzy      bool
	}
	mvExpandOp struct {
		span
		Items     []mvItem
		ItemIndex string
		Array     bool // bagexpansion=array
		Limit     node
		Apply     *pipelineNode // mv-apply: the subquery; nil for mv-expand
	}
	parseOp struct {
		span
		Where   bool // parse-where
		Kind    string
		Flags   string
		X       node
		Pattern []parsePart
	}
	parseKVOp struct {
		span
		X          node
		Columns    []columnDef
		Properties []argument
	}
	makeSeriesOp struct {
		span
		Aggregates     []seriesAggregate
		Axis           namedExpr
		From, To, Step node
		By             []namedExpr
		NonEmpty       bool // kind=nonempty: an empty input gives a series of defaults
	}
	renderOp struct {
		span
		Kind       string
		Properties map[string]string
	}
	serializeOp struct {
		span
		Items []namedExpr
	}
	asOp struct {
		span
		Name string
	}
	getSchemaOp struct{ span }
	// evaluateOp is evaluate Plugin(Args) [: (Schema)].
	evaluateOp struct {
		span
		Call   *callNode
		Schema []columnDef
	}
	invokeOp struct {
		span
		Call *callNode
	}
	// partitionOp is partition by column, over the rows of each key or with a query of its own.
	partitionOp struct {
		span
		By       nameNode
		Sub      *pipelineNode // ( operators )
		Explicit node          // { query }, which names the key; nil with Sub
	}
	scanOp struct {
		span
		MatchID string
		Declare []parameterDef
		Steps   []scanStep
	}
	topNestedOp struct {
		span
		Levels []topNestedLevel
	}
	sampleOp struct {
		span
		Count node
		Of    node // sample-distinct
	}
	searchOp struct {
		span
		X             node
		Tables        []node
		CaseSensitive bool
	}
	// findOp is find in (Tables) where X project Columns; a column without a type has that of the tables.
	findOp struct {
		span
		WithSource string
		Tables     []node // none: all
		X          node
		Columns    []columnDef
	}
	reduceOp struct {
		span
		By         node
		Properties []argument
	}
	topHittersOp struct {
		span
		Count, Of, By node
	}
	consumeOp struct{ span }
)

// sortKey is one key of sort, top or order; empty Nulls means the default for the direction.
type sortKey struct {
	X     node
	Asc   bool
	Nulls string // "", first, last
}

type mvItem struct {
	Name string
	X    node
	To   Type // Unknown: dynamic
}

// parsePart is a piece of a parse pattern: a literal, * or a column.
type parsePart struct {
	Literal string
	Star    bool
	Column  string
	Type    Type
}

type seriesAggregate struct {
	Expr    namedExpr
	Default node
}

type scanStep struct {
	span
	Name     string
	Optional bool
	Output   string // all, last, none
	When     node
	Set      []namedExpr
}

type topNestedLevel struct {
	Count  node // nil: all
	Of     namedExpr
	Others node
	By     namedExpr
	Asc    bool
}
