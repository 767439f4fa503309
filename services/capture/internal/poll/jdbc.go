package poll

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/calypso-cdc/calypso/libs/pgrepl"
)

func jdbcURL(value string) error {
	_, err := parseJDBC(value)
	return err
}

// parseJDBC reads a JDBC or libpq URL of PostgreSQL.
func parseJDBC(text string) (pgrepl.Config, error) {
	c := pgrepl.Config{ApplicationName: "calypso polling", KeepAlive: true}
	rest, ok := strings.CutPrefix(strings.TrimPrefix(text, "jdbc:"), "postgresql://")
	if !ok {
		return c, fmt.Errorf("it is not a URL of PostgreSQL: want jdbc:postgresql://host:port/database")
	}
	// Several hosts are not a URL by the book, so the host part is taken out before the rest is read.
	head, query, _ := strings.Cut(rest, "?")
	hosts, path, ok := strings.Cut(head, "/")
	database, err := url.PathUnescape(path)
	if !ok || database == "" || err != nil {
		return c, fmt.Errorf("it names no database: want jdbc:postgresql://host:port/database")
	}
	if at := strings.LastIndexByte(hosts, '@'); at >= 0 {
		user, password, _ := strings.Cut(hosts[:at], ":")
		c.User, _ = url.QueryUnescape(user)
		c.Password, _ = url.QueryUnescape(password)
		hosts = hosts[at+1:]
	}
	c.Host, c.Database = hosts, database
	set, err := url.ParseQuery(query)
	if err != nil {
		return c, fmt.Errorf("its parameters cannot be read: want ?name=value&name=value")
	}
	for name := range set {
		value := set.Get(name)
		switch name {
		case "user":
			c.User = value
		case "password":
			c.Password = value
		case "ssl":
			if value != "false" {
				c.SSLMode = "verify-full"
			}
		case "sslmode":
			c.SSLMode = value
		case "sslcert":
			c.SSLCert = value
		case "sslkey":
			c.SSLKey = value
		case "sslpassword":
			c.SSLPassword = value
		case "sslrootcert":
			c.SSLRootCert = value
		case "ApplicationName":
			c.ApplicationName = value
		}
	}
	if c.SSLMode != "" && !slices.Contains([]string{"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
		c.SSLMode) {
		return c, fmt.Errorf("sslmode=%s is not disable, allow, prefer, require, verify-ca or verify-full", c.SSLMode)
	}
	return c, nil
}
