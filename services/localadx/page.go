package localadx

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/services/localadx/command"
	"github.com/calypso-cdc/calypso/services/localadx/kql"
	"github.com/calypso-cdc/calypso/services/localadx/kql/syntax"
	"github.com/calypso-cdc/calypso/services/localadx/query"
	"github.com/calypso-cdc/calypso/services/localadx/web"
)

// checkTimeout bounds one check of the text in the page's editor.
const checkTimeout = 5 * time.Second

// pageLanguage answers the web page's editor with the engine's own compiler and the commands' own parser, so that it
// marks exactly what would be refused.
type pageLanguage struct {
	commands *command.Executor
	runner   *query.Runner
}

// Vocabulary implements web.Language.
func (pageLanguage) Vocabulary() web.Vocabulary {
	names := kql.SupportedNames()
	return web.Vocabulary{Operators: kql.Operators(), Functions: names.Functions, Aggregates: names.Aggregates}
}

// Check implements web.Language.
func (l pageLanguage) Check(database, text string) []web.Refusal {
	err := l.check(database, text)
	var refused *syntax.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		message := refused.Message
		if refused.Hint != "" {
			message += " (" + refused.Hint + ")"
		}
		return []web.Refusal{{Code: refused.Code, Message: message, Line: max(refused.Line, 1),
			Column: max(0, refused.Column-1)}}
	default:
		return []web.Refusal{{Code: "General_BadRequest", Message: err.Error(), Line: 1}}
	}
}

func (l pageLanguage) check(database, text string) error {
	if strings.HasPrefix(strings.TrimSpace(text), ".") {
		return l.commands.Check(text)
	}
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	_, err := l.runner.CompileAll(ctx, database, text, nil)
	return err
}
