package connectapi

import (
	"net/http"
	"sync/atomic"
)

// service answers for the whole of it.
type service struct {
	config Config
	// started is set once the service was ready: not being ready later is unhealthy, not starting.
	started atomic.Bool
}

func (s *service) root(r *request) (*answer, error) {
	type serverInfo struct {
		Version        string  `json:"version"`
		Commit         string  `json:"commit"`
		KafkaClusterID *string `json:"kafka_cluster_id"`
	}
	info := serverInfo{Version: Level, Commit: "calypso-" + s.config.Version}
	if s.config.ClusterID != nil {
		id, err := s.config.ClusterID(r.Context())
		if err != nil {
			s.config.Logger.Warn("the id of the Kafka cluster is not known", "err", err)
		} else {
			info.KafkaClusterID = &id
		}
	}
	return ok(info), nil
}

// health answers as KIP-1017 has it.
func (s *service) health(r *request) (*answer, error) {
	type status struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	var err error
	if s.config.Ready != nil {
		err = s.config.Ready(r.Context())
	}
	switch {
	case err == nil:
		s.started.Store(true)
		return ok(status{"healthy", "Worker has completed startup and is ready to handle requests."}), nil
	case !s.started.Load():
		return &answer{code: http.StatusServiceUnavailable,
			body: status{"starting", "Worker is still starting up: " + err.Error()}}, nil
	}
	return &answer{code: http.StatusInternalServerError,
		body: status{"unhealthy", "Worker was unable to handle this request and may be unable to handle other requests: " +
			err.Error()}}, nil
}

// internal is asked by Kafka Connect's workers among each other, who sign what they ask. Calypso's
// workers do not call each other, so no caller has the key.
func internal(*request) (*answer, error) {
	return nil, badRequest("Internal request missing required signature")
}
