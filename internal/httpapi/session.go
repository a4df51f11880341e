package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/telemetry"
)

const (
	sessionName = "hookloft_session"
	// environmentHeader goes with the cookie and names the environment, or as anyEnvironment the
	// first that the user is in. No form can send it, and no script of another origin
	// without a preflight, which does not allow it.
	environmentHeader = "Hookloft-Environment"
	anyEnvironment    = "-"
	// touchSessionEvery is how exact a session's last use is.
	touchSessionEvery = time.Minute
	maxBrowserBytes   = 256
)

// sessionCookie returns the text of the request's session, "" for none.
func sessionCookie(r *http.Request) string {
	cookie, err := r.Cookie(sessionName)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// authenticateUser finds the session of a request's cookie. A browser sends cookies by itself, so
// what asks must prove to be a page of ours: by environmentHeader, which brought it here, and by
// what the browser says about where the request comes from.
func (s *server) authenticateUser(c *call) error {
	if err := s.refuseCrossSite(c.r); err != nil {
		return err
	}
	text, ours := auth.ParseToken(sessionCookie(c.r))
	if !ours {
		return unauthenticated("Sign in.")
	}
	session, user, err := s.Accounts.Session(c.ctx(), s.Hasher.Hash(text))
	if hook.KindOf(err) == hook.NotFound && err != nil {
		if err := s.guesses.wrong(c, s.clientAddr(c.r), s.now()); err != nil {
			return err
		}
		return unauthenticated("You were signed out. Sign in again.")
	}
	if err != nil {
		return err
	}
	env, err := s.environmentOfUser(c, user, c.r.Header.Get(environmentHeader))
	if err != nil {
		return err
	}
	s.standFor(c, env, user, session)
	if now := s.now(); now.Sub(session.UsedAt) >= touchSessionEvery {
		if err := s.Accounts.TouchSession(c.ctx(), session.ID, now, s.clientAddr(c.r).String(), browserOf(c.r)); err != nil {
			s.Log.Warn("the use of a session is not noted", telemetry.KeyError, err) // it may end too early
		}
	}
	c.w.Header().Set("Cache-Control", "no-store")
	return nil
}

// standFor gives the call the rights of a user's role.
func (s *server) standFor(c *call, env hook.EnvironmentID, user *hook.User, session *hook.Session) {
	c.user, c.session = user, session
	// The row keys of sessions are no token's: requests are counted by session.
	c.token = &hook.Token{
		ID: hook.TokenID(session.ID), Environment: env, User: user.ID, Name: user.Email,
		Scopes: s.roles[user.RoleIn(env)], ExpiresAt: session.EndsAt,
	}
}

// environmentOfUser returns the environment with the id that is named, or any. One that the
// user is not in is refused like one that does not exist.
func (s *server) environmentOfUser(c *call, user *hook.User, named string) (hook.EnvironmentID, error) {
	refused := &statusError{http.StatusForbidden, "insufficient access", "You are not in this environment. Ask an owner to invite you."}
	all, err := s.Catalog.ListEnvironments(c.ctx())
	if err != nil {
		return 0, err
	}
	codec := s.Catalog.Codec()
	i := slices.IndexFunc(all, func(e *hook.Environment) bool {
		// A role that this version does not know, of a later one's store, is no role: no scopes
		// would mean all of them.
		_, isRole := s.roles[user.RoleIn(e.ID)]
		return isRole && (named == anyEnvironment || codec.Environment(e.ID) == named)
	})
	if i < 0 {
		return 0, refused
	}
	return all[i].ID, nil
}

// refuseCrossSite refuses what a browser says comes from a page of another origin. What is
// absent says nothing: other programs send neither header (Fetch Metadata Request Headers).
func (s *server) refuseCrossSite(r *http.Request) error {
	site, origin := r.Header.Get("Sec-Fetch-Site"), r.Header.Get("Origin")
	if (site == "" || site == "same-origin") && (origin == "" || s.isOwnOrigin(r, origin)) {
		return nil
	}
	return &statusError{
		http.StatusForbidden, "cross_site",
		"Who has signed in is served to the pages of this server alone. Behind a proxy that changes the host, set --public-url; other programs use an API token.",
	}
}

func (s *server) isOwnOrigin(r *http.Request, origin string) bool {
	o, err := url.Parse(origin)
	if err != nil || o.Host == "" {
		return false
	}
	public, err := url.Parse(s.o.PublicURL)
	if err == nil && strings.EqualFold(public.Scheme, o.Scheme) && strings.EqualFold(public.Host, o.Host) {
		return true
	}
	// By another of its names, as the browser itself says. https may end at a proxy; what asks by
	// http came by http.
	return strings.EqualFold(o.Host, r.Host) && (o.Scheme == "https" || o.Scheme == "http" && !s.isSecure(r))
}

// isSecure reports whether the browser reaches this server by TLS.
func (s *server) isSecure(r *http.Request) bool {
	return r.TLS != nil || strings.HasPrefix(strings.ToLower(s.o.PublicURL), "https:")
}

// setCookie gives the browser the text of a session; "" takes it away.
func (s *server) setCookie(c *call, text string) {
	cookie := &http.Cookie{
		Name: sessionName, Value: text, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.isSecure(c.r),
		MaxAge: int(hook.SessionLife / time.Second),
	}
	if public, err := url.Parse(s.o.PublicURL); err == nil {
		cookie.Path = strings.TrimRight(public.Path, "/") + "/"
	}
	if text == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(c.w, cookie)
}

func browserOf(r *http.Request) string {
	return strings.ToValidUTF8(cut(r.UserAgent(), maxBrowserBytes), "")
}

// newSession returns a session that begins now, and its text.
func (s *server) newSession(c *call) (*hook.Session, auth.Text) {
	now, text := s.now(), auth.MintSession()
	return &hook.Session{
		ID: hook.SessionID(s.Catalog.NewKey()), Hash: s.Hasher.Hash(text), CreatedAt: now, UsedAt: now, EndsAt: now.Add(hook.SessionLife),
		Address: s.clientAddr(c.r).String(), Browser: browserOf(c.r),
	}, text
}

// enter answers who has just got a session.
func (s *server) enter(c *call, user *hook.User, session *hook.Session, text auth.Text) error {
	env, err := s.environmentOfUser(c, user, anyEnvironment)
	if err != nil {
		return err
	}
	s.standFor(c, env, user, session)
	out, err := s.viewerToAPI(c)
	if err != nil {
		return err
	}
	s.Log.Info("signed in", telemetry.KeyUser, s.Catalog.Codec().User(user.ID), telemetry.KeyAddress, session.Address)
	s.setCookie(c, text.Reveal())
	c.w.Header().Set("Cache-Control", "no-store")
	return c.json(http.StatusOK, out)
}

// createSession signs in with a password. Who is unknown costs the same time and gets the same
// words as who has another password.
func (s *server) createSession(c *call) error {
	if err := s.refuseCrossSite(c.r); err != nil {
		return err
	}
	in, err := decode[api.SessionIn](c)
	if err != nil {
		return err
	}
	if in.Email == "" || in.Password == "" || len(in.Password) > hook.MaxPasswordBytes || len(in.Email) > 320 {
		return hook.Fieldf("password", "must be given together with the e-mail address")
	}
	user, err := s.Accounts.UserByEmail(c.ctx(), in.Email)
	if err != nil && hook.KindOf(err) != hook.NotFound {
		return err
	}
	stored := ""
	if user != nil {
		stored = user.Password
	}
	if err := s.checkPassword(c, in.Email, in.Password, stored); err != nil {
		return err
	}
	if _, err := s.environmentOfUser(c, user, anyEnvironment); err != nil {
		return err
	}
	session, text := s.newSession(c)
	session.User = user.ID
	if err := s.Accounts.CreateSession(c.ctx(), session); err != nil {
		return err
	}
	return s.enter(c, user, session, text)
}

// checkPassword compares a password with what is stored, slowly for who guesses.
func (s *server) checkPassword(c *call, email, password, stored string) error {
	now, from := s.now(), s.clientAddr(c.r)
	if wait := s.signIns.begin(email, from, now); wait > 0 {
		return tooMany(c, wait, "There were too many wrong passwords. Wait, then try again.")
	}
	ok, err := s.passwords.Matches(c.ctx(), password, stored)
	if err != nil {
		return err
	}
	if !ok {
		s.Log.Info("sign in refused", telemetry.KeyAddress, from.String())
		return unauthenticated("The e-mail address or the password is wrong.")
	}
	s.signIns.right(email, from)
	return nil
}

func (s *server) deleteSession(c *call) error {
	if err := s.Accounts.EndSession(c.ctx(), c.user.ID, c.session.ID); err != nil && hook.KindOf(err) != hook.NotFound {
		return err
	}
	s.setCookie(c, "")
	return c.empty()
}

func (s *server) listSessions(c *call) error {
	list, err := s.Accounts.Sessions(c.ctx(), c.user.ID)
	if err != nil {
		return err
	}
	out := api.SessionList{Data: []api.SessionOut{}}
	for _, one := range list {
		out.Data = append(out.Data, api.SessionOut{
			ID: s.Catalog.Codec().Session(c.user.ID, one.ID), CreatedAt: one.CreatedAt, UsedAt: one.UsedAt, EndsAt: one.EndsAt,
			Address: one.Address, Browser: one.Browser, Current: one.ID == c.session.ID,
		})
	}
	return c.json(http.StatusOK, out)
}

func (s *server) endSession(c *call) error {
	id, ok := s.Catalog.Codec().ParseSession(c.user.ID, c.param("session_id"))
	if !ok {
		return notFound()
	}
	if err := s.Accounts.EndSession(c.ctx(), c.user.ID, id); err != nil {
		return err
	}
	if id == c.session.ID {
		s.setCookie(c, "")
	}
	return c.empty()
}
