package signin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDC says how people sign in at an OpenID Connect provider.
type OIDC struct {
	// Issuer is the provider's address: https://login.microsoftonline.com/<tenant>/v2.0.
	Issuer string
	// ClientID and ClientSecret are admin's own at the provider; the secret may be empty for a public client.
	ClientID, ClientSecret string
	// PublicURL is where people reach admin: https://calypso.example.com. The provider must allow
	// PublicURL followed by CallbackPath as the address to send them back to.
	PublicURL string
	// GroupsClaim holds the person's groups or app roles; Roles says which role a group has. Somebody
	// in several groups has the highest of their roles; somebody in none may not sign in.
	GroupsClaim string
	Roles       map[string]string
}

// CallbackPath is where the provider sends people back to.
const CallbackPath = "/ui/session/oidc/callback"

const (
	// maxPending bounds how many sign-ins may be under way, since anybody may begin one; beyond it the
	// oldest is dropped. pendingFor is how long one may take.
	maxPending = 10_000
	pendingFor = 10 * time.Minute
	// askTimeout bounds a question to the provider.
	askTimeout = 15 * time.Second
)

// ErrNotAllowed means that the provider knows the person, but they have no role here.
var ErrNotAllowed = errors.New("none of your groups has a role here")

// ranks orders roles.
var ranks = map[string]int{"viewer": 1, "operator": 2, "admin": 3}

// ParseRoles reads texts of the form group=role.
func ParseRoles(texts []string) (map[string]string, error) {
	groups := map[string]string{}
	for _, text := range texts {
		at := strings.LastIndexByte(text, '=')
		if at <= 0 {
			return nil, fmt.Errorf("%q says no role of a group: write GROUP=viewer, GROUP=operator or GROUP=admin", text)
		}
		groups[text[:at]] = text[at+1:]
	}
	return groups, nil
}

// Validate joins what is wrong with the settings.
func (o OIDC) Validate() error {
	var errs []error
	if o.ClientID == "" {
		errs = append(errs, errors.New("the OpenID Connect provider needs to know admin by a client id: set --oidc-client-id"))
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil || public.Host == "" || public.Scheme != "https" && public.Scheme != "http" {
		errs = append(errs, fmt.Errorf("the provider must know where to send people back to: set --public-url to the address at which they reach admin, such as https://calypso.example.com, not %q", o.PublicURL))
	}
	if len(o.Roles) == 0 {
		errs = append(errs, errors.New("nobody could sign in: say by --oidc-roles which group has which role, such as operators=operator"))
	}
	for _, group := range slices.Sorted(maps.Keys(o.Roles)) {
		if ranks[o.Roles[group]] == 0 {
			errs = append(errs, fmt.Errorf("role %q of group %q must be viewer, operator or admin", o.Roles[group], group))
		}
	}
	return errors.Join(errs...)
}

// Provider signs people in by the authorization code flow with PKCE (RFC 7636). Safe for concurrent use.
type Provider struct {
	settings OIDC
	now      func() time.Time

	// asking holds a token while nobody asks the issuer for its configuration; discovered is the
	// answer, nil until there is one.
	asking     chan struct{}
	discovered *oidc.Provider

	mu sync.Mutex
	// pending are sign-ins that the provider has not answered yet, by state; guarded by mu.
	pending map[string]pending
}

type pending struct {
	nonce, verifier string
	// browser is the secret of the browser that began the sign-in.
	browser string
	then    string
	ends    time.Time
}

// NewProvider returns a provider; it asks the issuer for its configuration at the first sign-in.
func NewProvider(settings OIDC, now func() time.Time) *Provider {
	p := &Provider{settings: settings, now: now, asking: make(chan struct{}, 1), pending: map[string]pending{}}
	p.asking <- struct{}{}
	return p
}

// discover returns the issuer's configuration, which is asked for until there was an answer.
func (p *Provider) discover(ctx context.Context) (*oidc.Provider, error) {
	select {
	case <-p.asking:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { p.asking <- struct{}{} }()
	if p.discovered != nil {
		return p.discovered, nil
	}
	found, err := oidc.NewProvider(ctx, p.settings.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask %s for its OpenID Connect configuration: %w", p.settings.Issuer, err)
	}
	p.discovered = found
	return found, nil
}

func (p *Provider) config(of *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.settings.ClientID, ClientSecret: p.settings.ClientSecret, Endpoint: of.Endpoint(),
		RedirectURL: strings.TrimSuffix(p.settings.PublicURL, "/") + CallbackPath,
		Scopes:      []string{oidc.ScopeOpenID, "profile", "email"},
	}
}

// Begin returns the address to send a person to, and a secret that the browser must present when it
// comes back. then is the path that the person wants to go to afterwards.
func (p *Provider) Begin(ctx context.Context, then string) (address, browser string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	found, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	state := randomText()
	one := pending{nonce: randomText(), verifier: oauth2.GenerateVerifier(), browser: randomText(), then: then,
		ends: p.now().Add(pendingFor)}
	p.mu.Lock()
	if len(p.pending) >= maxPending {
		p.forgetOldest()
	}
	p.pending[state] = one
	p.mu.Unlock()
	address = p.config(found).AuthCodeURL(state, oidc.Nonce(one.nonce), oauth2.S256ChallengeOption(one.verifier))
	return address, one.browser, nil
}

// forgetOldest drops the sign-in that began first; the caller holds mu.
func (p *Provider) forgetOldest() {
	oldest := ""
	for state, one := range p.pending {
		if oldest == "" || one.ends.Before(p.pending[oldest].ends) {
			oldest = state
		}
	}
	delete(p.pending, oldest)
}

// Finish takes what the provider sent back with a person and returns who it is and where they want to go. An error that
// wraps ErrNotAllowed names a person without a role.
func (p *Provider) Finish(ctx context.Context, answer url.Values, browser string) (
	person Person, then string, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	p.mu.Lock()
	one, ok := p.pending[answer.Get("state")]
	delete(p.pending, answer.Get("state"))
	p.mu.Unlock()
	if !ok || p.now().After(one.ends) || one.browser != browser {
		return Person{}, "", errors.New("this sign-in was not begun in this browser, or it took longer than ten minutes: sign in again")
	}
	if said := answer.Get("error"); said != "" {
		return Person{}, "", fmt.Errorf("%s refused the sign-in: %s %s", p.settings.Issuer, said,
			answer.Get("error_description"))
	}
	found, err := p.discover(ctx)
	if err != nil {
		return Person{}, "", err
	}
	token, err := p.config(found).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(one.verifier))
	if err != nil {
		return Person{}, "", fmt.Errorf("ask %s who signed in: %w", p.settings.Issuer, err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.settings.ClientID, Now: p.now}).Verify(ctx, raw)
	if err != nil {
		return Person{}, "", fmt.Errorf("the identity that %s gave cannot be trusted: %w", p.settings.Issuer, err)
	}
	if id.Nonce != one.nonce {
		return Person{}, "", errors.New("the identity was made for another sign-in: sign in again")
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return Person{}, "", fmt.Errorf("read the identity that %s gave: %w", p.settings.Issuer, err)
	}
	person, err = p.settings.person(id.Subject, claims)
	return person, one.then, err
}

// person reads who claims are about. The name is only for people to read, since at some providers
// users choose it; the subject never changes.
func (o OIDC) person(subject string, claims map[string]any) (Person, error) {
	p := Person{Name: subject, Subject: subject}
	for _, claim := range []string{"preferred_username", "upn", "email"} {
		if name, ok := claims[claim].(string); ok && name != "" {
			p.Name = name
			break
		}
	}
	var groups []string
	switch said := claims[o.GroupsClaim].(type) {
	case string:
		groups = []string{said}
	case []any:
		for _, g := range said {
			if name, ok := g.(string); ok {
				groups = append(groups, name)
			}
		}
	}
	for _, g := range groups {
		if role := o.Roles[g]; ranks[role] > ranks[p.Role] {
			p.Role = role
		}
	}
	if p.Role == "" {
		return p, fmt.Errorf("%s has signed in, but %w (claim %s: %d groups)",
			p.Name, ErrNotAllowed, o.GroupsClaim, len(groups))
	}
	return p, nil
}
