package admin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/calypso-cdc/calypso/libs/contain"
	"github.com/calypso-cdc/calypso/services/admin/signin"
)

const (
	// sessionCookie holds the token of a session, pendingCookie the secret of a sign-in at a provider.
	sessionCookie = "calypso_session"
	pendingCookie = "calypso_signin"
	// sessionPath is where the page asks who is signed in; the cookie of a pending sign-in is only
	// sent there.
	sessionPath = "/ui/session"
)

// doorkeeper finds out who sends an HTTP request, and lets people sign in to the page.
type doorkeeper struct {
	// users is nil if everybody may do everything; nobody needs to sign in then.
	users    *Users
	sessions *signin.Sessions
	// provider is nil if people can only sign in with a password; passwords is true if they can do
	// that.
	provider  *signin.Provider
	passwords bool
	// secure is true if people reach admin by https, whatever terminates TLS.
	secure bool
	audit  *slog.Logger
}

func newDoorkeeper(cfg Config, guard authorizer) doorkeeper {
	d := doorkeeper{users: guard.users, sessions: signin.NewSessions(time.Now), passwords: cfg.UsersFile != "",
		secure: strings.HasPrefix(cfg.SignIn.PublicURL, "https://"), audit: cfg.Telemetry.Audit}
	if cfg.SignIn.Issuer != "" {
		d.provider = signin.NewProvider(cfg.SignIn, time.Now)
	}
	return d
}

// caller identifies who sends a request: by a certificate, by credentials, or by a session, which
// ends at the latest at the time returned.
func (d doorkeeper) caller(r *http.Request) (user, time.Time, error) {
	if who, err := d.users.certified(r.TLS); err == nil {
		return who, time.Time{}, nil
	}
	header := r.Header.Get("Authorization")
	if cookie, err := r.Cookie(sessionCookie); err == nil && header == "" {
		if person, ends, ok := d.sessions.Find(cookie.Value); ok {
			who, err := d.of(person)
			return who, ends, err
		}
	}
	who, err := d.users.authenticate(header, hostOfRequest(r))
	return who, time.Time{}, err
}

// of returns the user of a person, with the role that they have now.
func (d doorkeeper) of(p signin.Person) (user, error) {
	if p.Role == "" {
		who, err := d.users.named(p.Name)
		if err == nil && string(who.hash) != p.Proof { // the password was changed
			return user{}, ErrUnauthenticated
		}
		return who, err
	}
	return user{name: p.Name, role: roles[p.Role]}, nil
}

func hostOfRequest(r *http.Request) string {
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

// authenticate identifies the caller and passes that on to the gRPC side, which decides what they
// may do.
func (d doorkeeper) authenticate(next http.Handler) http.Handler {
	if d.users == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, ends, err := d.caller(r)
		if err != nil {
			refuseCaller(w, r, err)
			return
		}
		ctx, free := d.users.whileStands(context.WithValue(r.Context(), httpCaller{}, caller), caller)
		defer free()
		if cookie, err := r.Cookie(sessionCookie); err == nil && !ends.IsZero() {
			// A stream must not outlive the session.
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, ends)
			defer cancel()
			over, done := d.sessions.Over(cookie.Value), ctx.Done()
			contain.Go("end of a session", func() {
				select {
				case <-over:
					cancel()
				case <-done:
				}
			}, func(error) { cancel() })
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// refuseCaller answers a request of somebody who did not prove who they are.
func refuseCaller(w http.ResponseWriter, r *http.Request, err error) {
	// Otherwise the server would read the rest of the request, only to discard it.
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now())
	if errors.Is(err, errTooManyFailures) {
		w.Header().Set("Retry-After", "60")
		writeError(w, http.StatusTooManyRequests, err.Error())
		return
	}
	// For a request of the page itself, the browser would open a dialog over the page, which asks by
	// itself.
	if r.Header.Get("Sec-Fetch-Dest") != "empty" {
		w.Header().Set("WWW-Authenticate", `Basic realm="calypso", charset="UTF-8"`)
	}
	writeError(w, http.StatusUnauthorized, err.Error())
}

// signedIn is what the page learns about who uses it.
type signedIn struct {
	// Name and Role are empty while nobody is signed in. Role is viewer, operator or admin.
	Name string `json:"name"`
	Role string `json:"role"`
	// Session is true if there is a session to end.
	Session bool `json:"session"`
	// Ways are the ways to sign in: password, oidc. It is empty if nobody needs to.
	Ways []string `json:"ways"`
}

// handler serves everything below sessionPath, to everybody.
func (d doorkeeper) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+sessionPath, d.show)
	mux.HandleFunc("DELETE "+sessionPath, d.end)
	if d.passwords {
		mux.HandleFunc("POST "+sessionPath, d.begin)
	}
	if d.provider != nil {
		mux.HandleFunc("GET "+sessionPath+"/oidc", d.send)
		mux.HandleFunc("GET "+signin.CallbackPath, d.callback)
	}
	return mux
}

func (d doorkeeper) show(w http.ResponseWriter, r *http.Request) {
	answer := signedIn{Name: "anonymous", Role: Admin.String(), Ways: []string{}}
	if d.users != nil {
		answer.Name, answer.Role = "", ""
		if d.passwords {
			answer.Ways = append(answer.Ways, "password")
		}
		if d.provider != nil {
			answer.Ways = append(answer.Ways, "oidc")
		}
		if who, ends, err := d.caller(r); err == nil {
			answer.Name, answer.Role, answer.Session = who.name, who.role.String(), !ends.IsZero()
		}
	}
	writeJSON(w, answer)
}

// begin opens a session for a name and a password.
func (d doorkeeper) begin(w http.ResponseWriter, r *http.Request) {
	var given struct{ Name, Password string }
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		writeError(w, http.StatusUnsupportedMediaType, "name and password must come as JSON")
		return
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		writeError(w, http.StatusBadRequest, `the body must be JSON: {"name": …, "password": …}`)
		return
	}
	pair := base64.StdEncoding.EncodeToString([]byte(given.Name + ":" + given.Password))
	who, err := d.users.authenticate("Basic "+pair, hostOfRequest(r))
	if err != nil {
		if !errors.Is(err, errTooManyFailures) { // an attempt that must wait was counted before
			d.audit.InfoContext(r.Context(), "audit", "user", fmt.Sprintf("%.100s", given.Name), "method", "sign in",
				"outcome", err.Error())
		}
		r.Header.Set("Sec-Fetch-Dest", "empty")
		refuseCaller(w, r, err)
		return
	}
	d.open(w, r, signin.Person{Name: who.name, Proof: string(who.hash)})
	writeJSON(w, signedIn{Name: who.name, Role: who.role.String(), Session: true, Ways: []string{}})
}

// open begins a session and sends its token to the browser.
func (d doorkeeper) open(w http.ResponseWriter, r *http.Request, p signin.Person) {
	token, ends := d.sessions.Begin(p)
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: token, Path: "/", Expires: ends,
		HttpOnly: true, Secure: d.secure || r.TLS != nil, SameSite: http.SameSiteStrictMode})
	d.audit.InfoContext(r.Context(), "audit", "user", p.Name, "subject", p.Subject, "method", "sign in",
		"outcome", "OK")
}

func (d doorkeeper) end(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		if person, _, ok := d.sessions.Find(cookie.Value); ok {
			d.audit.InfoContext(r.Context(), "audit", "user", person.Name, "method", "sign out", "outcome", "OK")
		}
		d.sessions.End(cookie.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Path: "/", MaxAge: -1,
		HttpOnly: true, Secure: d.secure || r.TLS != nil, SameSite: http.SameSiteStrictMode})
	writeJSON(w, struct{}{})
}

// send sends a person to the provider.
func (d doorkeeper) send(w http.ResponseWriter, r *http.Request) {
	address, secret, err := d.provider.Begin(r.Context(), ownPath(r.URL.Query().Get("then")))
	if err != nil {
		d.refuseSignIn(w, r, "", err)
		return
	}
	// Lax, since the browser comes back from another site.
	http.SetCookie(w, &http.Cookie{Name: pendingCookie, Value: secret, Path: sessionPath, MaxAge: 600,
		HttpOnly: true, Secure: d.secure || r.TLS != nil, SameSite: http.SameSiteLaxMode})
	http.Redirect(w, r, address, http.StatusFound)
}

// callback receives a person whom the provider sends back.
func (d doorkeeper) callback(w http.ResponseWriter, r *http.Request) {
	secret := ""
	if cookie, err := r.Cookie(pendingCookie); err == nil {
		secret = cookie.Value
	}
	person, then, err := d.provider.Finish(r.Context(), r.URL.Query(), secret)
	if err != nil {
		d.refuseSignIn(w, r, person.Name, err)
		return
	}
	d.open(w, r, person)
	http.Redirect(w, r, ownPath(then), http.StatusFound)
}

func (d doorkeeper) refuseSignIn(w http.ResponseWriter, r *http.Request, name string, err error) {
	d.audit.InfoContext(r.Context(), "audit", "user", name, "method", "sign in", "outcome", err.Error())
	code := http.StatusBadGateway
	if errors.Is(err, signin.ErrNotAllowed) {
		code = http.StatusForbidden
	}
	writeError(w, code, "signing in: "+err.Error())
}

// ownPath returns a path if it is one of the page, and else that of the overview, so that nobody is
// sent to another site.
func ownPath(path string) string {
	const longest = 2000 // it is kept while the sign-in is on its way
	if len(path) > longest || !strings.HasPrefix(path, "/ui/") || strings.ContainsAny(path, "\\\r\n") {
		return "/ui/"
	}
	return path
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	// The browser has gone if this fails.
	_ = json.NewEncoder(w).Encode(body)
}
