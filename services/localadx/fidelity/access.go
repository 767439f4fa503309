package fidelity

import (
	"fmt"
	"slices"
	"strings"
)

// Role is a role of Kusto's that a principal may have in a database.
type Role string

// The roles.
const (
	Ingestor      Role = "ingestor"
	Viewer        Role = "viewer"
	User          Role = "user"
	TableAdmin    Role = "table-admin"
	DatabaseAdmin Role = "database-admin"
)

// Right is a right that a command, a query or an ingestion needs.
type Right int

// The rights.
const (
	Connect        Right = iota // to ask where to ingest: any role
	Ingest                      // rows, and mappings of a table
	View                        // data and schema
	CreateTable                 // and functions
	ManageTable                 // its columns, policies and rows
	ManageDatabase              // its policies and materialized views
)

var granted = map[Role][]Right{
	Ingestor:      {Connect, Ingest},
	Viewer:        {Connect, View},
	User:          {Connect, View, CreateTable},
	TableAdmin:    {Connect, Ingest, View, ManageTable},
	DatabaseAdmin: {Connect, Ingest, View, CreateTable, ManageTable, ManageDatabase},
}

// wants names the roles that a refusal asks for.
var wants = map[Right]string{
	Ingest: "Table Ingestor or Database Ingestor", View: "Database Viewer", CreateTable: "Database User",
	ManageTable: "Table Admin", ManageDatabase: "Database Admin",
}

// Roles are the caller's roles; nil means all of them.
type Roles []Role

// ParseRoles reads names of roles.
func ParseRoles(names []string) (Roles, error) {
	var roles Roles
	for _, name := range names {
		if _, ok := granted[Role(name)]; !ok {
			return nil, fmt.Errorf("there is no role %q: there are ingestor, viewer, user, table-admin and database-admin", name)
		}
		roles = append(roles, Role(name))
	}
	return roles, nil
}

// Denied is the refusal of what the caller's roles do not allow.
type Denied struct {
	Right Right
	Roles Roles
}

// Error words it as Kusto does, with the role that is missing.
func (d *Denied) Error() string {
	names := make([]string, len(d.Roles))
	for i, r := range d.Roles {
		names[i] = string(r)
	}
	return fmt.Sprintf(
		"Forbidden (403-Forbidden): the principal has the roles [%s] and is not authorized to perform this operation, which needs %s", strings.Join(names, ", "), wants[d.Right])
}

// Check returns a *Denied unless the roles allow the right.
func (r Roles) Check(right Right) error {
	if r == nil || slices.ContainsFunc(r, func(role Role) bool { return slices.Contains(granted[role], right) }) {
		return nil
	}
	return &Denied{Right: right, Roles: r}
}
