package localadx

import (
	"context"
	"errors"

	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/query"
	"github.com/calypso-cdc/calypso/services/localadx/web"
)

// pageLanguage answers the web page's editor with the engine's own compiler, so that it marks exactly what would be refused.
type pageLanguage struct {
	runner *query.Runner
}

func (pageLanguage) Vocabulary() web.Vocabulary {
	return web.Vocabulary{Operators: kql.Operators(), Functions: kql.Functions(), Aggregates: kql.Aggregates()}
}

func (l pageLanguage) Check(database, text string) []web.Refusal {
	_, err := l.runner.Compile(context.Background(), database, text, nil)
	var refused *kql.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return []web.Refusal{{Code: refused.Code, Message: refused.Message, Line: refused.Line, Column: max(0, refused.Column-1)}}
	default:
		return []web.Refusal{{Code: "General_BadRequest", Message: err.Error(), Line: 1}}
	}
}
