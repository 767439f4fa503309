package admin

import (
	"bufio"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/calypso-cdc/calypso/services/admin/signin"
)

// browser is a client that keeps cookies, as one that shows the page.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// signedIn is a browser in which the user of a role has signed in.
func (s *system) signedIn(t *testing.T, role string) *http.Client {
	t.Helper()
	client := browser(t)
	if r, body := send(t, client, "POST", s.http+"/ui/session",
		fmt.Sprintf(`{"name":"%[1]s-1","password":"%[1]s-pw"}`, role)); r.StatusCode != http.StatusOK {
		t.Fatalf("signing in: %d %s", r.StatusCode, body)
	}
	return client
}

// send makes a request as the page does, and returns its answer.
func send(t *testing.T, client *http.Client, method, address, body string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Dest", "empty")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(text)
}

func TestAPersonSignsInToThePageWithAPasswordAndOut(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	ada := browser(t)

	if r, body := send(t, ada, "GET", s.http+"/ui/session", ""); r.StatusCode != http.StatusOK ||
		body != `{"name":"","role":"","session":false,"ways":["password"]}`+"\n" {
		t.Errorf("before: %d %s", r.StatusCode, body)
	}
	// A dialog of the browser's own would cover the page.
	r, _ := send(t, ada, "GET", s.http+"/v1/connectors", "")
	if r.StatusCode != http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("asking without a session: %d, WWW-Authenticate %q", r.StatusCode, r.Header.Get("WWW-Authenticate"))
	}
	if r, body := send(t, ada, "POST", s.http+"/ui/session",
		`{"name":"operator-1","password":"wrong"}`); r.StatusCode != http.StatusUnauthorized || len(r.Cookies()) > 0 {
		t.Errorf("a wrong password: %d %s", r.StatusCode, body)
	}

	r, body := send(t, ada, "POST", s.http+"/ui/session", `{"name":"operator-1","password":"operator-pw"}`)
	if r.StatusCode != http.StatusOK || len(r.Cookies()) != 1 {
		t.Fatalf("signing in: %d %s, %d cookies", r.StatusCode, body, len(r.Cookies()))
	}
	if c := r.Cookies()[0]; !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Secure {
		t.Errorf("the cookie is %+v, want HttpOnly and SameSite=Strict, and Secure over TLS only", c)
	}
	if r, body := send(t, ada, "GET", s.http+"/ui/session", ""); r.StatusCode != http.StatusOK ||
		!strings.Contains(body, `"name":"operator-1","role":"operator","session":true`) {
		t.Errorf("after: %d %s", r.StatusCode, body)
	}
	if r, body := send(t, ada, "GET", s.http+"/v1/connectors", ""); r.StatusCode != http.StatusOK {
		t.Errorf("asking with a session: %d %s", r.StatusCode, body)
	}
	if r, body := send(t, ada, "DELETE", s.http+"/v1/connectors/src", ""); r.StatusCode != http.StatusForbidden ||
		!strings.Contains(body, "operator-1") {
		t.Errorf("what the role may not do: %d %s", r.StatusCode, body)
	}

	token := r.Cookies()[0].Value
	if r, _ := send(t, ada, "DELETE", s.http+"/ui/session", ""); r.StatusCode != http.StatusOK {
		t.Errorf("signing out: %d", r.StatusCode)
	}
	thief := browser(t)
	at, _ := url.Parse(s.http)
	thief.Jar.SetCookies(at, []*http.Cookie{{Name: sessionCookie, Value: token, Path: "/"}})
	if r, _ := send(t, thief, "GET", s.http+"/v1/connectors", ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("the token after signing out: %d, want 401", r.StatusCode)
	}
}

func TestASessionIsNotTakenFromAnotherSite(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	ada := s.signedIn(t, "admin")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.http+"/v1/connectors/src:pause", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	r.Header.Set("Origin", "https://evil.example")
	response, err := ada.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a call that another site makes: %d, want 403", response.StatusCode)
	}
}

func TestWhereNobodyNeedsToSignInThePageKnowsIt(t *testing.T) {
	s := start(t, nil)
	if r, body := send(t, browser(t), "GET", s.http+"/ui/session", ""); r.StatusCode != http.StatusOK ||
		body != `{"name":"anonymous","role":"admin","session":false,"ways":[]}`+"\n" {
		t.Errorf("%d %s", r.StatusCode, body)
	}
}

// issuer is an OpenID Connect provider with one person, who has signed in there already.
type issuer struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims map[string]any
	// nonces and challenges by code.
	nonces, challenges map[string]string
	// wrongKey signs by another key than the published one.
	wrongKey bool
	// silent takes requests and answers none.
	silent atomic.Bool
}

func newIssuer(t *testing.T, claims map[string]any) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, claims: claims, nonces: map[string]string{}, challenges: map[string]string{}}
	answer := func(w http.ResponseWriter, body any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
	encode := base64.RawURLEncoding.EncodeToString
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize",
			"token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
			"id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		code := fmt.Sprintf("code-%d", len(i.nonces))
		i.nonces[code], i.challenges[code] = q.Get("nonce"), q.Get("code_challenge")
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(),
			http.StatusFound)
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		code := r.PostFormValue("code")
		verifier := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if encode(verifier[:]) != i.challenges[code] {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		claims := map[string]any{"iss": i.URL, "aud": "calypso", "sub": "7f3a", "nonce": i.nonces[code],
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
		for k, v := range i.claims {
			claims[k] = v
		}
		body, _ := json.Marshal(claims)
		signed := encode([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encode(body)
		hash := sha256.Sum256([]byte(signed))
		signer := i.key
		if i.wrongKey {
			signer, _ = rsa.GenerateKey(rand.Reader, 2048)
		}
		signature, _ := rsa.SignPKCS1v15(rand.Reader, signer, crypto.SHA256, hash[:])
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "expires_in": 60,
			"id_token": signed + "." + encode(signature)})
	})
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if i.silent.Load() {
			<-r.Context().Done()
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(i.Close)
	return i
}

// startWithProvider starts admin with a provider at which people sign in.
func startWithProvider(t *testing.T, i *issuer) *system {
	t.Helper()
	settings := &signin.OIDC{Issuer: i.URL, ClientID: "calypso", GroupsClaim: "groups",
		Roles: map[string]string{"readers": "viewer", "operators": "operator"}}
	return start(t, func(c *Config) {
		settings.PublicURL = "http://" + c.HTTPAddresses[0]
		c.SignIn = *settings
	})
}

func TestAPersonSignsInAtAProviderWithTheGreatestRoleOfTheirGroups(t *testing.T) {
	i := newIssuer(t, map[string]any{"preferred_username": "ada@example.com", "groups": []string{"readers", "operators", "others"}})
	s := startWithProvider(t, i)
	ada := browser(t)
	if r, body := send(t, ada, "GET", s.http+"/ui/session", ""); !strings.Contains(body, `"ways":["oidc"]`) {
		t.Errorf("before: %d %s", r.StatusCode, body)
	}
	r, body := send(t, ada, "GET", s.http+"/ui/session/oidc?then=/ui/tables", "")
	if r.StatusCode != http.StatusOK || r.Request.URL.Path != "/ui/tables" {
		t.Fatalf("signing in: %d at %s: %.300s", r.StatusCode, r.Request.URL, body)
	}
	if r, body := send(t, ada, "GET", s.http+"/ui/session", ""); !strings.Contains(body,
		`"name":"ada@example.com","role":"operator","session":true`) {
		t.Errorf("after: %d %s", r.StatusCode, body)
	}
	if r, body := send(t, ada, "GET", s.http+"/v1/connectors", ""); r.StatusCode != http.StatusOK {
		t.Errorf("asking: %d %s", r.StatusCode, body)
	}
	if r, body := send(t, ada, "DELETE", s.http+"/v1/connectors/src", ""); r.StatusCode != http.StatusForbidden ||
		!strings.Contains(body, "ada@example.com") {
		t.Errorf("what an operator may not: %d %s", r.StatusCode, body)
	}
}

func TestASignInAtAProviderIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		claims map[string]any
		change func(*issuer)
		// path replaces the provider's answer, of a browser that did not begin.
		path string
		code int
		says string
	}{
		"to whom no group gives a role": {claims: map[string]any{"email": "eve@example.com", "groups": []string{"others"}},
			code: http.StatusForbidden, says: "eve@example.com has signed in, but none of your groups has a role here"},
		"if the identity has another signature": {claims: map[string]any{"groups": "readers"},
			change: func(i *issuer) { i.wrongKey = true }, code: http.StatusBadGateway, says: "cannot be trusted"},
		"if the identity was made for another client": {claims: map[string]any{"groups": "readers", "aud": "other"},
			code: http.StatusBadGateway, says: "cannot be trusted"},
		"if the identity has expired": {claims: map[string]any{"groups": "readers", "exp": time.Now().Add(-time.Hour).Unix()},
			code: http.StatusBadGateway, says: "cannot be trusted"},
		"if the identity was made for another sign-in": {claims: map[string]any{"groups": "readers", "nonce": "old"},
			code: http.StatusBadGateway, says: "made for another sign-in"},
		"if nobody began it": {claims: map[string]any{"groups": "readers"}, path: "/ui/session/oidc/callback?code=x&state=y",
			code: http.StatusBadGateway, says: "not begun in this browser"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t, c.claims)
			if c.change != nil {
				c.change(i)
			}
			s := startWithProvider(t, i)
			path := c.path
			if path == "" {
				path = "/ui/session/oidc"
			}
			eve := browser(t)
			r, body := send(t, eve, "GET", s.http+path, "")
			if r.StatusCode != c.code || !strings.Contains(body, c.says) {
				t.Errorf("%d %s, want %d with %q", r.StatusCode, body, c.code, c.says)
			}
			if r, _ := send(t, eve, "GET", s.http+"/v1/connectors", ""); r.StatusCode != http.StatusUnauthorized {
				t.Errorf("asking afterwards: %d, want 401", r.StatusCode)
			}
		})
	}
}

func TestASignInIsFinishedInTheBrowserThatBeganItOnly(t *testing.T) {
	i := newIssuer(t, map[string]any{"groups": "readers"})
	s := startWithProvider(t, i)
	eve := browser(t)
	var back string
	eve.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == signin.CallbackPath {
			back = r.URL.String()
			return http.ErrUseLastResponse
		}
		return nil
	}
	send(t, eve, "GET", s.http+"/ui/session/oidc", "")
	if back == "" {
		t.Fatal("the provider sent nobody back")
	}
	// Somebody is lured to the address that would sign them in as eve.
	if r, body := send(t, browser(t), "GET", back, ""); r.StatusCode != http.StatusBadGateway {
		t.Errorf("in another browser: %d %s", r.StatusCode, body)
	}
}

func TestASessionEndsWithTheUsersPassword(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	thief := s.signedIn(t, "admin")
	text, err := os.ReadFile(users)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("another"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	changed := regexp.MustCompile(`(?m)^admin-1:admin:.*$`).ReplaceAllLiteralString(string(text), "admin-1:admin:"+string(hash))
	if err := os.WriteFile(users, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	// The file's time must be another one than before.
	if err := os.Chtimes(users, time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if r, _ := send(t, thief, "GET", s.http+"/v1/connectors", ""); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("asking after the password was changed: %d, want 401", r.StatusCode)
	}
}

func TestAStreamEndsWhenItsSessionIsEnded(t *testing.T) {
	users := usersFile(t)
	s := start(t, func(c *Config) { c.UsersFile = users })
	ada := s.signedIn(t, "viewer")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		s.http+"/v1/pipelines:watch?view=PIPELINE_VIEW_BASIC", nil)
	if err != nil {
		t.Fatal(err)
	}
	watch, err := ada.Do(r)
	if err != nil || watch.StatusCode != http.StatusOK {
		t.Fatalf("watching: %v %v", watch, err)
	}
	defer watch.Body.Close()
	lines := bufio.NewReader(watch.Body)
	if _, err := lines.ReadString('\n'); err != nil {
		t.Fatalf("the first message: %v", err)
	}
	send(t, ada, "DELETE", s.http+"/ui/session", "")
	for { // until it ends; the test's own limit is that of a stream which goes on
		if _, err := lines.ReadString('\n'); err != nil {
			return
		}
	}
}

func TestAnIssuerThatSaysNothingOnceDoesNotEndSigningIn(t *testing.T) {
	i := newIssuer(t, map[string]any{"groups": "readers"})
	i.silent.Store(true)
	provider := signin.NewProvider(signin.OIDC{Issuer: i.URL, ClientID: "calypso", PublicURL: "https://calypso.example.com",
		GroupsClaim: "groups", Roles: map[string]string{"readers": "viewer"}}, time.Now)
	hurried, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := provider.Begin(hurried, "/ui/"); err == nil {
		t.Fatal("a sign-in began at an issuer that says nothing")
	}
	i.silent.Store(false)
	if address, _, err := provider.Begin(t.Context(), "/ui/"); err != nil || !strings.HasPrefix(address, i.URL) {
		t.Errorf("once the issuer answers: %q %v", address, err)
	}
}

func TestTheOldestSignInGivesWayToOthers(t *testing.T) {
	i := newIssuer(t, map[string]any{"groups": "readers"})
	provider := signin.NewProvider(signin.OIDC{Issuer: i.URL, ClientID: "calypso", PublicURL: "https://calypso.example.com",
		GroupsClaim: "groups", Roles: map[string]string{"readers": "viewer"}}, time.Now)
	for range 10_050 {
		if _, _, err := provider.Begin(t.Context(), "/ui/"); err != nil {
			t.Fatalf("anybody can keep people from signing in: %v", err)
		}
	}
}
