package kafka

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

const (
	// renewBefore is how long before it expires a token is replaced.
	renewBefore = time.Minute
	// maxToken bounds the token endpoint's answer in bytes.
	maxToken = 64 << 10
)

// tokenSource exchanges client credentials for tokens (RFC 6749, section 4.4) and keeps a token
// until shortly before it expires. It is safe for concurrent use.
type tokenSource struct {
	config Config
	now    func() time.Time
	client *http.Client

	mu      sync.Mutex
	current string
	expires time.Time
}

func newTokenSource(config Config, now func() time.Time) *tokenSource {
	return &tokenSource{config: config, now: now, client: &http.Client{
		Timeout: 20 * time.Second,
		// The request contains a secret: it must go only to the configured address.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func (s *tokenSource) token(ctx context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != "" && s.now().Before(s.expires.Add(-renewBefore)) {
		return s.current, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.config.ClientID},
		"client_secret": {s.config.ClientSecret.Reveal()}}
	if s.config.Scope != "" {
		form.Set("scope", s.config.Scope)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.config.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return "", fmt.Errorf("kafka-oauth-token-url: %w", err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.client.Do(request)
	if err != nil {
		return "", fmt.Errorf("get a token for Kafka: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxToken))
	if err != nil {
		return "", fmt.Errorf("get a token for Kafka: %w", err)
	}
	var answer struct {
		Token     string  `json:"access_token"`
		ExpiresIn float64 `json:"expires_in"` // seconds
		Error     string  `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK || answer.Token == "" {
		return "", &noToken{s.config.TokenURL, response.StatusCode, answer.Error}
	}
	s.current, s.expires = answer.Token, s.now().Add(time.Duration(answer.ExpiresIn*float64(time.Second)))
	return s.current, nil
}

// noToken is the error for an answer of the endpoint without a token.
type noToken struct {
	url    string
	status int
	said   string
}

func (n *noToken) Error() string {
	text := fmt.Sprintf("get a token for Kafka: %s answered %d %s %.100q", n.url, n.status,
		http.StatusText(n.status), n.said)
	if n.Passing() {
		return text
	}
	return text + "; check kafka-oauth-client-id and kafka-oauth-client-secret"
}

// Passing reports whether waiting can fix it: the endpoint is failing or too busy.
func (n *noToken) Passing() bool {
	return n.status == http.StatusTooManyRequests || n.status >= http.StatusInternalServerError
}
