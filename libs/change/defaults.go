package change

// defaultValue returns the schema default of a column, nil if it has none.
func defaultValue(c *Column, cfg *Config) any { return nil }
