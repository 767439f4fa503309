package spec

import (
	"strings"

	"github.com/calypso-cdc/calypso/libs/connector/catalogue"
)

// connectionKeys declare how to reach the server. Names, types, defaults, groups and importance are Debezium's.
func (r *reading) connectionKeys(event placed) []catalogue.Key {
	return []catalogue.Key{
		{Name: "database.hostname", Type: catalogue.String, Required: true, Importance: catalogue.High, Group: "CONNECTION",
			Width: catalogue.Middle, DisplayName: "Hostname",
			Into: catalogue.Text(&r.Connection.Host),
			Doc:  "Host of the database server, or several separated by commas, each with an optional :port: the first that accepts writes is taken. A name that begins with / is a directory of the worker's machine with the server's Unix socket, as libpq has it.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.PositionLost,
				Doc: "If the address is one of another server, its system identifier differs and the task stops (the reason is named): the position means nothing there. Reset the connector's offsets to read all tables of the new server. Another address of the same server changes nothing."}}},
		{Name: "database.port", Type: catalogue.Int, Default: catalogue.Default("5432"), Check: port,
			Importance: catalogue.High, Group: "CONNECTION", Width: catalogue.Short, DisplayName: "Port",
			Into: catalogue.Number(&r.Connection.Port),
			Doc:  "Port of the database server.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.PositionLost,
				Doc: "If the address is one of another server, its system identifier differs and the task stops (the reason is named): the position means nothing there. Reset the connector's offsets to read all tables of the new server. Another address of the same server changes nothing."}}},
		{Name: "database.user", Type: catalogue.String, Required: true, Importance: catalogue.High, Group: "CONNECTION",
			Width: catalogue.Short, DisplayName: "User",
			Into: catalogue.Text(&r.Connection.User),
			Doc:  "Role to connect as. It needs REPLICATION and SELECT on the captured tables. The form user@server of Azure's single servers is sent as given, and refused by flexible servers: leave out @server."},
		{Name: "database.password", Type: catalogue.Password, Importance: catalogue.High, Group: "CONNECTION",
			Width: catalogue.Short, DisplayName: "Password",
			Into: catalogue.Text(&r.Connection.Password),
			Doc:  "Password of the role. A reference such as ${file:/run/secrets/pg:password} keeps it out of the configuration."},
		event(&r.Events.Database),
		{Name: "database.query.timeout.ms", Type: catalogue.Int, Default: catalogue.Default("600000"),
			Importance: catalogue.Low, Group: "CONNECTION", DisplayName: "Query timeout",
			Into: catalogue.Milliseconds(&r.QueryTimeout),
			Doc:  "Longest time in milliseconds that a query of the catalog may take; 0 for no limit. The reading of a snapshot has no limit."},
		{Name: "database.connection.timeout.ms", Type: catalogue.Int, Default: catalogue.Default("30000"),
			Importance: catalogue.Low, Group: "CONNECTION", Width: catalogue.Short, DisplayName: "Connect timeout",
			Into: catalogue.Milliseconds(&r.Connection.ConnectTimeout),
			Doc:  "Longest time in milliseconds to connect."},
		{Name: "database.connection.factory.class", Type: catalogue.String,
			Importance: catalogue.Low, Group: "CONNECTION", Width: catalogue.Wide, DisplayName: "Credentials",
			Into: catalogue.OneOf(&r.entra, catalogue.Word[bool]{Text: ""}, catalogue.Word[bool]{Text: "entra", Means: true}),
			Doc:  "entra takes access tokens of Microsoft Entra ID as password (Azure Database for PostgreSQL); empty takes database.password."},
		event(&r.Events.SkipUnchanged),
		{Name: "database.initial.statements", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED",
			Width: catalogue.Wide, DisplayName: "Initial statements",
			Into: catalogue.Read(&r.Connection.InitialStatements, parseStatements),
			Doc:  "SQL statements, separated by semicolons (two for a literal one), that run on each connection but the replication connection."},
		{Name: "database.tcpKeepAlive", Type: catalogue.Boolean, Default: catalogue.Default("true"),
			Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED", Width: catalogue.Short,
			DisplayName: "TCP keep-alive probe",
			Into:        catalogue.Flag(&r.Connection.KeepAlive),
			Doc:         "Whether TCP keep-alive probes are sent, so that a dead server is noticed."},
		{Name: "driver.*", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED",
			Width: catalogue.Wide, DisplayName: "Driver settings",
			Doc:         "Settings of the Java database driver.",
			Unsupported: "There is no Java driver."},
		{Name: "database.autosave", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED",
			Width: catalogue.Short, DisplayName: "Autosave",
			Doc:         "Setting of the Java database driver.",
			Unsupported: "There is no Java driver."},
		{Name: "database.socketTimeout", Type: catalogue.Int, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED",
			Width: catalogue.Short, DisplayName: "Socket timeout",
			Doc:         "Setting of the Java database driver.",
			Unsupported: "There is no Java driver; a server that is silent for twice its wal_sender_timeout, at least 10 s, is given up."},
		{Name: "database.loginTimeout", Type: catalogue.Int, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED",
			Width: catalogue.Short, DisplayName: "Login timeout",
			Doc:         "Setting of the Java database driver.",
			Unsupported: "There is no Java driver; database.connection.timeout.ms is the time to connect."},
		{Name: "read.only", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Low,
			Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "Read only",
			Into: catalogue.Flag(&r.Signals.ReadOnly),
			Doc:  "Whether nothing may be written to the database: incremental snapshots then take no watermarks from a table."},
	}
}

// sslKeys declare how the connection is encrypted. Names, types, defaults, groups and importance are Debezium's.
func (r *reading) sslKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "database.sslmode", Type: catalogue.String, Default: catalogue.Default("prefer"), Importance: catalogue.Medium,
			Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Middle, DisplayName: "SSL mode",
			Into: catalogue.Choice(&r.Connection.SSLMode, "disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
			Doc:  "How the connection is encrypted: disable, allow, prefer, require (without checking the certificate), verify-ca or verify-full."},
		{Name: "database.sslcert", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL",
			Width: catalogue.Wide, DisplayName: "SSL Client Certificate",
			Into: catalogue.Text(&r.Connection.SSLCert),
			Doc:  "File with the client's certificate (PEM)."},
		{Name: "database.sslkey", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL",
			Width: catalogue.Wide, DisplayName: "SSL Client Key",
			Into: catalogue.Text(&r.Connection.SSLKey),
			Doc:  "File with the client's key (PEM)."},
		{Name: "database.sslpassword", Type: catalogue.Password, Importance: catalogue.Medium,
			Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Middle, DisplayName: "SSL Client Key Password",
			Into: catalogue.Text(&r.Connection.SSLPassword),
			Doc:  "Password of the client's key."},
		{Name: "database.sslrootcert", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL",
			Width: catalogue.Wide, DisplayName: "SSL Root Certificate",
			Into: catalogue.Text(&r.Connection.SSLRootCert),
			Doc:  "File with the certificates (PEM) of the authorities that may sign the server's."},
		{Name: "database.sslfactory", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL",
			Width: catalogue.Wide, DisplayName: "SSL Root Certificate",
			Doc:         "Java class that makes sockets.",
			Unsupported: "It names a Java class; use database.sslmode and the certificate files."},
	}
}

// parseStatements splits at semicolons; two of them stand for one in a statement.
func parseStatements(list string) ([]string, error) {
	const literal = "\x00"
	var out []string
	for s := range strings.SplitSeq(strings.ReplaceAll(list, ";;", literal), ";") {
		if s = strings.TrimSpace(strings.ReplaceAll(s, literal, ";")); s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}
