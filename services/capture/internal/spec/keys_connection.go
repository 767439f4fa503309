package spec

import "github.com/calypso-cdc/calypso/libs/connector/catalogue"

// connectionKeys declare how to reach the server. Names, types, defaults, groups and importance are Debezium's.
func connectionKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "database.hostname", Type: catalogue.String, Required: true, Importance: catalogue.High, Group: "CONNECTION", Width: catalogue.Middle, DisplayName: "Hostname",
			Doc:          "Host of the database server, or several separated by commas, each with an optional :port: the first that accepts writes is taken. A name that begins with / is a folder of the worker's machine with the server's Unix socket, as libpq has it.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.PositionLost, Doc: "If the address is one of another server, its system identifier differs and the task stops (the reason is named): the position means nothing there. Reset the connector's offsets to read all tables of the new server. Another address of the same server changes nothing."}}},
		{Name: "database.port", Type: catalogue.Int, Default: catalogue.Default("5432"), Check: port, Importance: catalogue.High, Group: "CONNECTION", Width: catalogue.Short, DisplayName: "Port",
			Doc:          "Port of the database server.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.PositionLost, Doc: "If the address is one of another server, its system identifier differs and the task stops (the reason is named): the position means nothing there. Reset the connector's offsets to read all tables of the new server. Another address of the same server changes nothing."}}},
		{Name: "database.user", Type: catalogue.String, Required: true, Importance: catalogue.High, Group: "CONNECTION", Width: catalogue.Short, DisplayName: "User",
			Doc: "Role to connect as. It needs REPLICATION and SELECT on the captured tables. The form user@server of Azure's single servers is sent as given, and refused by flexible servers: leave out @server."},
		{Name: "database.password", Type: catalogue.Password, Importance: catalogue.High, Group: "CONNECTION", Width: catalogue.Short, DisplayName: "Password",
			Doc: "Password of the role. A reference such as ${file:/run/secrets/pg:password} keeps it out of the configuration."},
		{Name: "database.dbname", Type: catalogue.String, Required: true, Importance: catalogue.High, Group: "CONNECTION", Width: catalogue.Middle, DisplayName: "Database",
			Doc:          "Database to capture; a connector captures one.",
			Consequences: []catalogue.Consequence{{Effect: catalogue.PositionLost, Doc: "The slot belongs to the database it was made in, so the task stops. Set slot.name to a slot of its own, see that publication.name exists or may be made there, and reset the connector's offsets to read the tables of the new database."}}},
		{Name: "database.query.timeout.ms", Type: catalogue.Int, Default: catalogue.Default("600000"), Importance: catalogue.Low, Group: "CONNECTION", DisplayName: "Query timeout",
			Doc: "Longest time in milliseconds that a query of the catalog may take; 0 for no limit. The reading of a snapshot has no limit."},
		{Name: "database.connection.timeout.ms", Type: catalogue.Int, Default: catalogue.Default("30000"), Importance: catalogue.Low, Group: "CONNECTION", Width: catalogue.Short, DisplayName: "Connect timeout",
			Doc: "Longest time in milliseconds to connect."},
		{Name: "database.connection.factory.class", Type: catalogue.String, Allowed: []string{"", "entra"}, Importance: catalogue.Low, Group: "CONNECTION", Width: catalogue.Wide, DisplayName: "Credentials",
			Doc: "entra takes access tokens of Microsoft Entra ID as password (Azure Database for PostgreSQL); empty takes database.password."},
		{Name: "skip.messages.without.change", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "Enable skipping messages without change",
			Doc:          "Whether updates that change none of the kept columns are left out (needs replica identity FULL).",
			Consequences: rowsChange()},
		{Name: "database.initial.statements", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED", Width: catalogue.Wide, DisplayName: "Initial statements",
			Doc: "SQL statements, separated by semicolons (two for a literal one), that run on each connection but the replication connection."},
		{Name: "database.tcpKeepAlive", Type: catalogue.Boolean, Default: catalogue.Default("true"), Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "TCP keep-alive probe",
			Doc: "Whether TCP keep-alive probes are sent, so that a dead server is noticed."},
		{Name: "driver.*", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED", Width: catalogue.Wide, DisplayName: "Driver settings",
			Doc:         "Settings of the Java database driver.",
			Unsupported: "There is no Java driver."},
		{Name: "database.autosave", Type: catalogue.String, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "Autosave",
			Doc:         "Setting of the Java database driver.",
			Unsupported: "There is no Java driver."},
		{Name: "database.socketTimeout", Type: catalogue.Int, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "Socket timeout",
			Doc:         "Setting of the Java database driver.",
			Unsupported: "There is no Java driver; a server that is silent for twice its wal_sender_timeout, at least 10 s, is given up."},
		{Name: "database.loginTimeout", Type: catalogue.Int, Importance: catalogue.Low, Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "Login timeout",
			Doc:         "Setting of the Java database driver.",
			Unsupported: "There is no Java driver; database.connection.timeout.ms is the time to connect."},
		{Name: "read.only", Type: catalogue.Boolean, Default: catalogue.Default("false"), Importance: catalogue.Low, Group: "CONNECTION_ADVANCED", Width: catalogue.Short, DisplayName: "Read only",
			Doc: "Whether nothing may be written to the database: incremental snapshots then take no watermarks from a table."},
	}
}

// sslKeys declare how the connection is encrypted. Names, types, defaults, groups and importance are Debezium's.
func sslKeys() []catalogue.Key {
	return []catalogue.Key{
		{Name: "database.sslmode", Type: catalogue.String, Default: catalogue.Default("prefer"), Allowed: []string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Middle, DisplayName: "SSL mode",
			Doc: "How the connection is encrypted: disable, allow, prefer, require (without checking the certificate), verify-ca or verify-full."},
		{Name: "database.sslcert", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Wide, DisplayName: "SSL Client Certificate",
			Doc: "File with the client's certificate (PEM)."},
		{Name: "database.sslkey", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Wide, DisplayName: "SSL Client Key",
			Doc: "File with the client's key (PEM)."},
		{Name: "database.sslpassword", Type: catalogue.Password, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Middle, DisplayName: "SSL Client Key Password",
			Doc: "Password of the client's key."},
		{Name: "database.sslrootcert", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Wide, DisplayName: "SSL Root Certificate",
			Doc: "File with the certificates (PEM) of the authorities that may sign the server's."},
		{Name: "database.sslfactory", Type: catalogue.String, Importance: catalogue.Medium, Group: "CONNECTION_ADVANCED_SSL", Width: catalogue.Wide, DisplayName: "SSL Root Certificate",
			Doc:         "Java class that makes sockets.",
			Unsupported: "It names a Java class; use database.sslmode and the certificate files."},
	}
}
