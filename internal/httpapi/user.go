package httpapi

import (
	"net/http"
	"strings"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
)

func (s *server) listUsers(c *call) error {
	codec := s.Catalog.Codec()
	p, err := page(c.q, false, codec.ParseUser)
	if err != nil {
		return err
	}
	list, err := s.Accounts.ListUsers(c.ctx(), c.env(), p)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, listToAPI(list, func(u *hook.User) string { return codec.User(u.ID) },
		func(u *hook.User) api.UserOut { return s.userToAPI(u, c.env()) }))
}

func (s *server) userToAPI(u *hook.User, env hook.EnvironmentID) api.UserOut {
	return api.UserOut{
		ID: s.Catalog.Codec().User(u.ID), Email: u.Email, Name: orNil(u.Name), Role: string(u.RoleIn(env)),
		HasPassword: u.Password != "", CreatedAt: u.CreatedAt, SeenAt: orNil(u.SeenAt),
	}
}

// createUser invites somebody: who is new gets a link, who is in another environment only the role.
func (s *server) createUser(c *call) error {
	in, err := decode[api.UserIn](c)
	if err != nil {
		return err
	}
	if err := hook.CheckEmail("email", in.Email); err != nil {
		return err
	}
	role, err := hook.ParseRole("role", in.Role)
	if err != nil {
		return err
	}
	name := deref(in.Name)
	if name != "" {
		if err := hook.CheckName("name", name); err != nil {
			return err
		}
	}
	u, err := s.Accounts.UserByEmail(c.ctx(), in.Email)
	switch {
	case err == nil:
		u, err = s.Accounts.UpdateUser(c.ctx(), c.env(), u.ID, 0, func(u *hook.User) error {
			if u.RoleIn(c.env()) != "" {
				return hook.Errorf(hook.Conflict, "A user with this e-mail address is in this environment already")
			}
			u.SetRole(c.env(), role)
			return nil
		})
	case hook.KindOf(err) == hook.NotFound:
		u = &hook.User{Email: in.Email, Name: name}
		u.SetRole(c.env(), role)
		err = s.Accounts.CreateUser(c.ctx(), c.env(), u)
	}
	if err != nil {
		return err
	}
	if u.Password != "" {
		return c.json(http.StatusCreated, api.UserLinkOut{User: s.userToAPI(u, c.env())})
	}
	return s.link(c, http.StatusCreated, u)
}

// link answers with a new link by which u sets a password.
func (s *server) link(c *call, status int, u *hook.User) error {
	text := auth.MintClaim()
	ends := s.now().Add(hook.PasswordClaimLife)
	err := s.Accounts.CreateClaim(c.ctx(), &hook.Claim{
		Hash: s.Hasher.Hash(text), Purpose: hook.ClaimPassword, User: u.ID, Environment: c.env(), CreatedAt: s.now(), ExpiresAt: ends,
	})
	if err != nil {
		return err
	}
	url := ClaimURL(s.o.PublicURL, text)
	c.w.Header().Set("Cache-Control", "no-store")
	return c.json(status, api.UserLinkOut{User: s.userToAPI(u, c.env()), URL: &url, ExpiresAt: &ends})
}

// ClaimURL is the link that carries a claim, in the fragment, which no browser sends to a server.
func ClaimURL(publicURL string, text auth.Text) string {
	return strings.TrimRight(publicURL, "/") + "/claim#" + text.Reveal()
}

// userNamed resolves the user that the path names, among those of the environment.
func (s *server) userNamed(c *call) (*hook.User, error) {
	id, ok := s.Catalog.Codec().ParseUser(c.param("user_id"))
	if !ok {
		return nil, notFound()
	}
	u, err := s.Accounts.User(c.ctx(), id)
	if err == nil && u.RoleIn(c.env()) == "" {
		err = notFound()
	}
	return u, err
}

func (s *server) patchUser(c *call) error {
	in, err := decode[api.UserPatch](c)
	if err != nil {
		return err
	}
	role, err := hook.ParseRole("role", in.Role)
	if err != nil {
		return err
	}
	u, err := s.userNamed(c)
	if err != nil {
		return err
	}
	u, err = s.Accounts.UpdateUser(c.ctx(), c.env(), u.ID, 0, func(u *hook.User) error {
		if u.RoleIn(c.env()) == "" {
			return notFound()
		}
		u.SetRole(c.env(), role)
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.userToAPI(u, c.env()))
}

// deleteUser takes a user out of the environment; who is in no other one, and an owner, is removed.
func (s *server) deleteUser(c *call) error {
	u, err := s.userNamed(c)
	if err != nil {
		return err
	}
	if len(u.Roles) > 1 {
		_, err = s.Accounts.UpdateUser(c.ctx(), c.env(), u.ID, 0, func(u *hook.User) error { u.RemoveRole(c.env()); return nil })
	} else {
		err = s.Accounts.DeleteUser(c.ctx(), c.env(), u.ID)
	}
	if err != nil {
		return err
	}
	return c.empty()
}

// resetUser makes a link for who has lost the password. The password before works until it is followed.
func (s *server) resetUser(c *call) error {
	u, err := s.userNamed(c)
	if err != nil {
		return err
	}
	return s.link(c, http.StatusOK, u)
}

func (s *server) patchMe(c *call) error {
	in, err := decode[api.UserMePatch](c)
	if err != nil {
		return err
	}
	if in.Name.Given && in.Name.Value != "" {
		if err := hook.CheckName("name", in.Name.Value); err != nil {
			return err
		}
	}
	stored := ""
	if in.Password != nil {
		if stored, err = s.newPassword(c, *in.Password, deref(in.OldPassword)); err != nil {
			return err
		}
	}
	was := c.user.Password
	u, err := s.Accounts.UpdateUser(c.ctx(), c.env(), c.user.ID, c.session.ID, func(u *hook.User) error {
		if in.Name.Given {
			u.Name = in.Name.Value
		}
		if stored != "" {
			if u.Password != was {
				return hook.Errorf(hook.Conflict, "The password was changed elsewhere at the same moment")
			}
			u.Password = stored
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, s.userToAPI(u, c.env()))
}

// newPassword checks that the caller may have a password and returns its hash. Who has a
// session has not proved to know the password before.
func (s *server) newPassword(c *call, password, old string) (string, error) {
	if err := hook.CheckPassword("password", password, c.user.Email); err != nil {
		return "", err
	}
	if c.user.Password != "" {
		if old == "" || len(old) > hook.MaxPasswordBytes {
			return "", hook.Fieldf("oldPassword", "is needed for a new one")
		}
		err := s.checkPassword(c, c.user.Email, old, c.user.Password)
		if isStatus(err, http.StatusUnauthorized) {
			return "", hook.Fieldf("oldPassword", "is wrong") // the session is right: no reason to sign out
		}
		if err != nil {
			return "", err
		}
	}
	return s.passwords.Hash(c.ctx(), password)
}
