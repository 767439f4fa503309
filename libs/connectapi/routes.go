package connectapi

import "net/http"

// routes returns all paths.
func (c Config) routes() []route {
	service, loggers := &service{config: c}, &loggerCalls{c}
	connectors, states, tasks := &connectors{c.Client}, &states{c.Client}, &tasks{c.Client}
	offsets, topics, plugins := &offsets{c.Client}, &topics{c.Client}, &plugins{c.Client}
	at := func(path string, methods map[string]endpoint) route {
		return route{split(path), methods}
	}
	return []route{
		at("/", map[string]endpoint{http.MethodGet: service.root}),
		at("/health", map[string]endpoint{http.MethodGet: service.health}),
		at("/connectors", map[string]endpoint{http.MethodGet: connectors.list,
			http.MethodPost: c.allowed("CreateConnector", connectors.create)}),
		at("/connectors/{connector}", map[string]endpoint{http.MethodGet: connectors.get,
			http.MethodDelete: c.allowed("DeleteConnector", connectors.delete)}),
		at("/connectors/{connector}/config", map[string]endpoint{http.MethodGet: connectors.config,
			http.MethodPut:   c.allowed("UpdateConnectorConfig", connectors.putConfig),
			http.MethodPatch: c.allowed("PatchConnectorConfig", connectors.patchConfig)}),
		at("/connectors/{connector}/status", map[string]endpoint{http.MethodGet: states.get}),
		at("/connectors/{connector}/restart",
			map[string]endpoint{http.MethodPost: c.allowed("RestartConnector", states.restart)}),
		at("/connectors/{connector}/fence", map[string]endpoint{http.MethodPut: internal}),
		at("/connectors/{connector}/pause", map[string]endpoint{http.MethodPut: c.allowed("PauseConnector", states.pause)}),
		at("/connectors/{connector}/resume",
			map[string]endpoint{http.MethodPut: c.allowed("ResumeConnector", states.resume)}),
		at("/connectors/{connector}/stop", map[string]endpoint{http.MethodPut: c.allowed("StopConnector", states.stop)}),
		at("/connectors/{connector}/tasks", map[string]endpoint{http.MethodGet: tasks.list, http.MethodPost: internal}),
		at("/connectors/{connector}/tasks/{task}/status", map[string]endpoint{http.MethodGet: tasks.status}),
		at("/connectors/{connector}/tasks/{task}/restart",
			map[string]endpoint{http.MethodPost: c.allowed("RestartTask", tasks.restart)}),
		at("/connectors/{connector}/topics", map[string]endpoint{http.MethodGet: topics.get}),
		at("/connectors/{connector}/topics/reset",
			map[string]endpoint{http.MethodPut: c.allowed("ResetConnectorTopics", topics.reset)}),
		at("/connectors/{connector}/offsets", map[string]endpoint{http.MethodGet: offsets.get,
			http.MethodPatch:  c.allowed("AlterOffsets", offsets.alter),
			http.MethodDelete: c.allowed("ResetOffsets", offsets.reset)}),
		at("/connector-plugins", map[string]endpoint{http.MethodGet: plugins.list}),
		at("/connector-plugins/{plugin}/config", map[string]endpoint{http.MethodGet: plugins.config}),
		at("/connector-plugins/{plugin}/config/validate",
			map[string]endpoint{http.MethodPut: c.allowed("ValidateConfig", plugins.validate)}),
		at("/admin/loggers", map[string]endpoint{http.MethodGet: loggers.list}),
		at("/admin/loggers/{logger}", map[string]endpoint{http.MethodGet: loggers.get,
			http.MethodPut: c.allowed("SetLoggerLevel", loggers.set)}),
	}
}

// allowed wraps an endpoint, so that Allow decides first.
func (c Config) allowed(call string, handle endpoint) endpoint {
	return func(r *request) (*answer, error) {
		if err := c.Allow(r.Context(), call); err != nil {
			return nil, err
		}
		return handle(r)
	}
}
