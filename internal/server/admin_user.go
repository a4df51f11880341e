package server

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/auth"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/httpapi"
)

// UserInfo is a user as an operator sees it.
type UserInfo struct {
	Email string `json:"email"`
	Name  string `json:"name"`
	// Roles are "owner" for an owner of the installation, else "role@environment".
	Roles     []string  `json:"roles"`
	SeenAt    time.Time `json:"seenAt"` // zero for never
	CreatedAt time.Time `json:"createdAt"`
	// Link is what to hand over to somebody who has no password, "" in lists.
	Link string `json:"link"`
}

// NewUser says whom to invite.
type NewUser struct {
	Email       string `json:"email"`
	Name        string `json:"name"`
	Role        string `json:"role"`
	Environment string `json:"environment"` // by name; it must exist, except for an owner
}

func (a *localAdmin) userInfo(ctx context.Context, u *hook.User) (UserInfo, error) {
	info := UserInfo{Email: u.Email, Name: u.Name, SeenAt: u.SeenAt, CreatedAt: u.CreatedAt, Roles: []string{}}
	if u.Owner {
		info.Roles = append(info.Roles, string(hook.RoleOwner))
		return info, nil
	}
	for env, role := range u.Roles {
		e, err := a.store.Environment(ctx, env)
		if err != nil {
			return info, err
		}
		info.Roles = append(info.Roles, string(role)+"@"+e.Name)
	}
	slices.Sort(info.Roles)
	return info, nil
}

// Users returns everybody who may sign in, the oldest first.
func (a *localAdmin) Users(ctx context.Context) ([]UserInfo, error) {
	all, err := a.store.Users(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]UserInfo, len(all))
	for i, u := range all {
		if out[i], err = a.userInfo(ctx, u); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// userEnvironment returns the environment of a command about users. An owner is one
// everywhere: the environment then only is where it stands in the audit log.
func (a *localAdmin) userEnvironment(ctx context.Context, name string, role hook.Role) (hook.EnvironmentID, error) {
	if role == hook.RoleOwner && name == DefaultEnvironment {
		e, err := a.environmentNamed(ctx, name)
		if err != nil {
			return 0, err
		}
		return e.ID, nil
	}
	e, err := a.store.EnvironmentByName(ctx, name)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return 0, hook.Errorf(hook.NotFound, "there is no environment named %q", name)
	}
	if err != nil {
		return 0, err
	}
	return e.ID, nil
}

func (a *localAdmin) userNamed(ctx context.Context, email string) (*hook.User, error) {
	u, err := a.store.UserByEmail(ctx, email)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		return nil, hook.Errorf(hook.NotFound, "there is no user %q", email)
	}
	return u, err
}

// InviteUser makes a user, or gives one who is there a role in one more environment.
func (a *localAdmin) InviteUser(ctx context.Context, in NewUser) (UserInfo, error) {
	ctx = byOperator(ctx, "user invite")
	if err := hook.CheckEmail("email", in.Email); err != nil {
		return UserInfo{}, err
	}
	role, err := hook.ParseRole("role", in.Role)
	if err != nil {
		return UserInfo{}, err
	}
	if in.Name != "" {
		if err := hook.CheckName("name", in.Name); err != nil {
			return UserInfo{}, err
		}
	}
	env, err := a.userEnvironment(ctx, in.Environment, role)
	if err != nil {
		return UserInfo{}, err
	}
	u, err := a.store.UserByEmail(ctx, in.Email)
	switch {
	case err == nil:
		u, err = a.store.UpdateUser(ctx, env, u.ID, 0, func(u *hook.User) error {
			if u.RoleIn(env) != "" {
				return hook.Errorf(hook.Conflict, "%s is a user of this environment already; see 'hookloft user role' and 'hookloft user reset'", u.Email)
			}
			u.SetRole(env, role)
			return nil
		})
	case hook.KindOf(err) == hook.NotFound:
		u = &hook.User{Email: in.Email, Name: in.Name}
		u.SetRole(env, role)
		err = a.store.CreateUser(ctx, env, u)
	}
	if err != nil {
		return UserInfo{}, err
	}
	info, err := a.userInfo(ctx, u)
	if err == nil && u.Password == "" {
		info.Link, err = a.passwordLink(ctx, u, env)
	}
	return info, err
}

func (a *localAdmin) passwordLink(ctx context.Context, u *hook.User, env hook.EnvironmentID) (string, error) {
	return a.claimLink(ctx, &hook.Claim{Purpose: hook.ClaimPassword, User: u.ID, Environment: env}, hook.PasswordClaimLife)
}

// claimLink keeps a claim and returns its link, which is kept nowhere.
func (a *localAdmin) claimLink(ctx context.Context, c *hook.Claim, life time.Duration) (string, error) {
	text := auth.MintClaim()
	c.Hash, c.ExpiresAt = a.hasher.Hash(text), time.Now().Add(life)
	if err := a.store.CreateClaim(ctx, c); err != nil {
		return "", fmt.Errorf("keep a link: %w", err)
	}
	return httpapi.ClaimURL(a.door.publicURL(), text), nil
}

// RemoveUser removes a user from every environment. Not the last owner.
func (a *localAdmin) RemoveUser(ctx context.Context, email string) error {
	ctx = byOperator(ctx, "user remove")
	u, err := a.userNamed(ctx, email)
	if err != nil {
		return err
	}
	env, err := a.logOf(ctx, u)
	if err != nil {
		return err
	}
	return a.store.DeleteUser(ctx, env, u.ID)
}

// logOf is an environment in whose audit log a change of u belongs that is of the whole installation.
func (a *localAdmin) logOf(ctx context.Context, u *hook.User) (hook.EnvironmentID, error) {
	all, err := a.store.ListEnvironments(ctx)
	if err != nil {
		return 0, err
	}
	for _, e := range all {
		if u.RoleIn(e.ID) != "" {
			return e.ID, nil
		}
	}
	return 0, nil
}

// SetRole gives a user another role in an environment, or makes an owner.
func (a *localAdmin) SetRole(ctx context.Context, email, role, environment string) (UserInfo, error) {
	ctx = byOperator(ctx, "user role")
	r, err := hook.ParseRole("role", role)
	if err != nil {
		return UserInfo{}, err
	}
	u, err := a.userNamed(ctx, email)
	if err != nil {
		return UserInfo{}, err
	}
	env, err := a.userEnvironment(ctx, environment, r)
	if err != nil {
		return UserInfo{}, err
	}
	if u, err = a.store.UpdateUser(ctx, env, u.ID, 0, func(u *hook.User) error { u.SetRole(env, r); return nil }); err != nil {
		return UserInfo{}, err
	}
	return a.userInfo(ctx, u)
}

// ResetUser makes a link by which a user sets a new password.
func (a *localAdmin) ResetUser(ctx context.Context, email string) (UserInfo, error) {
	ctx = byOperator(ctx, "user reset")
	u, err := a.userNamed(ctx, email)
	if err != nil {
		return UserInfo{}, err
	}
	env, err := a.logOf(ctx, u)
	if err != nil {
		return UserInfo{}, err
	}
	info, err := a.userInfo(ctx, u)
	if err == nil {
		info.Link, err = a.passwordLink(ctx, u, env)
	}
	return info, err
}

// firstLink returns the link by which the first user of the installation is made, "" where there is one.
func (a *localAdmin) firstLink(ctx context.Context) (string, error) {
	has, err := a.store.HasUsers(ctx)
	if err != nil || has {
		return "", err
	}
	return a.claimLink(ctx, &hook.Claim{Purpose: hook.ClaimFirst}, hook.FirstClaimLife)
}

// devUser is who hookloft dev signs in: an owner without a password.
const devUser = "dev@localhost"

// devLink returns a link that signs in who runs hookloft dev.
func (a *localAdmin) devLink(ctx context.Context, env hook.EnvironmentID) (string, error) {
	u, err := a.store.UserByEmail(ctx, devUser)
	if hook.KindOf(err) == hook.NotFound && err != nil {
		u = &hook.User{Email: devUser, Name: "hookloft dev", Owner: true}
		err = a.store.CreateUser(ctx, env, u)
	}
	if err != nil {
		return "", err
	}
	return a.claimLink(ctx, &hook.Claim{Purpose: hook.ClaimEnter, User: u.ID, Environment: env}, hook.FirstClaimLife)
}

type adminUser struct {
	Email       string `json:"email"`
	Role        string `json:"role"`
	Environment string `json:"environment"`
}

// userRoutes serves the part of Admin about users.
func userRoutes(a Admin, route func(string, func(*http.Request) (any, error))) {
	route("GET /user", func(r *http.Request) (any, error) { return a.Users(r.Context()) })
	route("POST /user", func(r *http.Request) (any, error) {
		in, err := decodeAdmin[NewUser](r)
		if err != nil {
			return nil, err
		}
		return a.InviteUser(r.Context(), in)
	})
	route("DELETE /user/{email}", func(r *http.Request) (any, error) {
		return struct{}{}, a.RemoveUser(r.Context(), r.PathValue("email"))
	})
	route("POST /user/role", func(r *http.Request) (any, error) {
		in, err := decodeAdmin[adminUser](r)
		if err != nil {
			return nil, err
		}
		return a.SetRole(r.Context(), in.Email, in.Role, in.Environment)
	})
	route("POST /user/reset", func(r *http.Request) (any, error) {
		in, err := decodeAdmin[adminUser](r)
		if err != nil {
			return nil, err
		}
		return a.ResetUser(r.Context(), in.Email)
	})
}

func (a *remoteAdmin) Users(ctx context.Context) (out []UserInfo, err error) {
	err = a.call(ctx, http.MethodGet, "/user", nil, &out)
	return out, err
}

func (a *remoteAdmin) InviteUser(ctx context.Context, in NewUser) (out UserInfo, err error) {
	err = a.call(ctx, http.MethodPost, "/user", in, &out)
	return out, err
}

func (a *remoteAdmin) RemoveUser(ctx context.Context, email string) error {
	return a.call(ctx, http.MethodDelete, "/user/"+url.PathEscape(email), nil, &struct{}{})
}

func (a *remoteAdmin) SetRole(ctx context.Context, email, role, environment string) (out UserInfo, err error) {
	err = a.call(ctx, http.MethodPost, "/user/role", adminUser{email, role, environment}, &out)
	return out, err
}

func (a *remoteAdmin) ResetUser(ctx context.Context, email string) (out UserInfo, err error) {
	err = a.call(ctx, http.MethodPost, "/user/reset", adminUser{Email: email}, &out)
	return out, err
}
