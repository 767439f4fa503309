package debezium

import (
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// AppendIdentity appends, as JSON, what tells a row of the table from its other rows; old supplies
// TOASTed values that t does not carry, and may be nil. That is not the key of the row's records,
// which message.key.columns may have made common to many rows, and which does not tell rows apart
// where it has NULLs. Only rows of one relation version's columns can be compared.
func (e *Encoder) AppendIdentity(dst []byte, t, old pgmodel.Tuple) ([]byte, error) {
	if e.identity == nil {
		plan, _, err := e.plan(e.rel.IdentityColumns(), "", &record.JSON{KeepNull: true}, false)
		if err != nil {
			return dst, err
		}
		e.identity = &plan
	}
	return e.identity.append(dst, t, old, fromStream)
}
