package connectapi

import (
	"net/http"
	"sync/atomic"
)

// service handles the calls about the service as a whole.
type service struct {
	config Config
	// started is set once the service was ready: after that, not being ready means unhealthy, not
	// starting.
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

// health answers as in KIP-1017.
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

// internal refuses the signed requests that Kafka Connect's workers send each other. Calypso's
// workers do not call each other, so no caller has the key.
func internal(*request) (*answer, error) {
	return nil, badRequest("Internal request missing required signature")
}
