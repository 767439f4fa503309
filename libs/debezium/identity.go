package debezium

import (
	"github.com/calypso-cdc/calypso/libs/pgmodel"
	"github.com/calypso-cdc/calypso/libs/record"
)

// AppendIdentity appends the columns that identify a row of the table, as JSON; old supplies
// TOASTed values that t does not carry, and may be nil. That is not the key of the row's records,
// which many rows may share because of message.key.columns or NULLs. Identities can be compared
// only if they come from relation versions with the same columns.
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
