package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

// claimNamed finds the link of a token. One that was followed, has expired or was made up is the same.
func (s *server) claimNamed(c *call, token string) (*hook.Claim, error) {
	text, ours := auth.ParseToken(token)
	if ours {
		cl, err := s.Accounts.ClaimByHash(c.ctx(), s.Hasher.Hash(text))
		if hook.KindOf(err) != hook.NotFound {
			return cl, err
		}
	}
	if err := s.guesses.wrong(c, s.clientAddr(c.r), s.now()); err != nil {
		return nil, err
	}
	return nil, &statusError{http.StatusNotFound, "not_found", "This link was used already, or it has expired. Ask an owner for a new one."}
}

func isStatus(err error, status int) bool {
	var e *statusError
	return errors.As(err, &e) && e.status == status
}

func (s *server) lookAtClaim(c *call) error {
	in, err := decode[api.ClaimLookIn](c)
	if err != nil {
		return err
	}
	cl, err := s.claimNamed(c, in.Token)
	if err != nil {
		return err
	}
	out := api.ClaimOut{Purpose: string(cl.Purpose), ExpiresAt: cl.ExpiresAt}
	if cl.User != 0 {
		u, err := s.Accounts.User(c.ctx(), cl.User)
		if err != nil {
			return err
		}
		out.Email, out.Name = &u.Email, orNil(u.Name)
	}
	return c.json(http.StatusOK, out)
}

// takeClaim uses a link up and signs in. What is refused leaves the link as it is.
func (s *server) takeClaim(c *call) error {
	if err := s.refuseCrossSite(c.r); err != nil {
		return err
	}
	in, err := decode[api.ClaimIn](c)
	if err != nil {
		return err
	}
	cl, err := s.claimNamed(c, in.Token)
	if err != nil {
		return err
	}
	change, err := s.claimChange(c, cl, in)
	if err != nil {
		return err
	}
	env := cl.Environment
	if cl.Purpose == hook.ClaimFirst {
		if env, err = s.firstEnvironment(c.ctx()); err != nil {
			return err
		}
	}
	session, text := s.newSession(c)
	user, err := s.Accounts.TakeClaim(c.ctx(), cl.Hash, env, session, func(_ *hook.Claim, u *hook.User) error { change(u); return nil })
	if err != nil {
		return err
	}
	return s.enter(c, user, session, text)
}

// claimChange checks what a claim needs and returns what it does to its user.
func (s *server) claimChange(c *call, cl *hook.Claim, in api.ClaimIn) (func(*hook.User), error) {
	if cl.Purpose == hook.ClaimEnter {
		return func(*hook.User) {}, nil
	}
	email := deref(in.Email)
	if cl.Purpose == hook.ClaimFirst {
		if err := hook.CheckEmail("email", email); err != nil {
			return nil, err
		}
	} else {
		u, err := s.Accounts.User(c.ctx(), cl.User)
		if err != nil {
			return nil, err
		}
		email = u.Email
	}
	if deref(in.Name) != "" {
		if err := hook.CheckName("name", *in.Name); err != nil {
			return nil, err
		}
	}
	if err := hook.CheckPassword("password", deref(in.Password), email); err != nil {
		return nil, err
	}
	stored, err := s.passwords.Hash(c.ctx(), *in.Password)
	if err != nil {
		return nil, err
	}
	return func(u *hook.User) {
		if cl.Purpose == hook.ClaimFirst {
			u.Email, u.Owner = email, true
		}
		if deref(in.Name) != "" {
			u.Name = *in.Name
		}
		u.Password = stored
	}, nil
}

// firstEnvironment returns the oldest environment. The first user of a new installation comes
// before anybody made one.
func (s *server) firstEnvironment(ctx context.Context) (hook.EnvironmentID, error) {
	all, err := s.Catalog.ListEnvironments(ctx)
	if err != nil {
		return 0, err
	}
	if len(all) > 0 {
		return all[0].ID, nil
	}
	e := &hook.Environment{ID: hook.EnvironmentID(s.Catalog.NewKey()), Name: defaultEnvironment, Settings: hook.DefaultSettings()}
	err = s.Catalog.CreateEnvironment(ctx, e)
	if hook.KindOf(err) == hook.Conflict { // somebody else has just made it
		if e, err = s.Catalog.EnvironmentByName(ctx, defaultEnvironment); err != nil {
			return 0, err
		}
	}
	return e.ID, err
}
