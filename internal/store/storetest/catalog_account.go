package storetest

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// user makes a user with a role in an environment, who can sign in.
func (r *catalogRoom) user(env hook.EnvironmentID, email string, role hook.Role) *hook.User {
	r.Helper()
	u := &hook.User{Email: email, Name: "N " + email, Password: "hash of " + email}
	u.SetRole(env, role)
	r.must(r.CreateUser(r.ctx, env, u))
	return u
}

func testUsers(r *catalogRoom) {
	env, other := r.environment(), r.environment()
	if has, err := r.HasUsers(r.ctx); err != nil || has {
		r.Fatalf("users in a new store: %v, %v", has, err)
	}
	var want []string
	for i := range 4 {
		want = append(want, fmt.Sprint(r.user(env.ID, fmt.Sprintf("member%d@example.com", i), hook.RoleSupport).ID))
		r.user(other.ID, fmt.Sprintf("foreign%d@example.com", i), hook.RoleViewer)
	}
	owner := r.user(env.ID, "Owner@Example.com", hook.RoleOwner)
	want = append(want, fmt.Sprint(owner.ID))
	walkPages(r, "users", want, func(p store.Page[hook.UserID]) (store.Listed[*hook.User], error) {
		return r.ListUsers(r.ctx, env.ID, p)
	}, func(u *hook.User) (hook.UserID, string) { return u.ID, fmt.Sprint(u.ID) })
	r.reopen()
	got, err := r.UserByEmail(r.ctx, "owner@example.COM")
	r.must(err)
	r.same("by address", got, owner)
	all, err := r.Users(r.ctx)
	r.must(err)
	if has, err := r.HasUsers(r.ctx); err != nil || !has || len(all) != 9 {
		r.Errorf("%d users, %v, %v", len(all), has, err)
	}
	r.wants(hook.Conflict, r.CreateUser(r.ctx, env.ID, &hook.User{Email: "OWNER@example.com"}))
	r.wants(hook.NotFound, r.CreateUser(r.ctx, env.ID, &hook.User{Email: "new@example.com", Roles: map[hook.EnvironmentID]hook.Role{hook.EnvironmentID(r.NewKey()): hook.RoleViewer}}))
	r.wants(hook.NotFound, second(r.UserByEmail(r.ctx, "new@example.com")))

	// A role in a second environment, and then that environment goes.
	first, err := r.UserByEmail(r.ctx, "member0@example.com")
	r.must(err)
	changed, err := r.UpdateUser(r.ctx, other.ID, first.ID, 0, func(u *hook.User) error { u.SetRole(other.ID, hook.RoleDeveloper); return nil })
	r.must(err)
	got, err = r.User(r.ctx, first.ID)
	r.must(err)
	r.same("after the update", got, changed)
	if got.RoleIn(env.ID) != hook.RoleSupport || got.RoleIn(other.ID) != hook.RoleDeveloper || owner.RoleIn(other.ID) != hook.RoleOwner {
		r.Errorf("roles: %v", got.Roles)
	}
	r.wants(hook.Conflict, second(r.UpdateUser(r.ctx, env.ID, first.ID, 0, func(u *hook.User) error { u.Email = "member1@example.com"; return nil })))
	r.must(r.DeleteEnvironment(r.ctx, other.ID))
	got, err = r.User(r.ctx, first.ID)
	r.must(err)
	if got.RoleIn(other.ID) != "" || got.RoleIn(env.ID) != hook.RoleSupport {
		r.Errorf("after an environment went: %v", got.Roles)
	}
	r.must(r.DeleteUser(r.ctx, env.ID, first.ID))
	r.wants(hook.NotFound, second(r.User(r.ctx, first.ID)))
	r.wants(hook.NotFound, r.DeleteUser(r.ctx, env.ID, first.ID))

	log, err := r.Audit(r.ctx, env.ID, store.AuditFilter{Noun: hook.AuditUser}, store.Page[hook.AuditID]{Limit: 50, Descending: true})
	r.must(err)
	if len(log.Rows) != 6 || log.Rows[0].Action != hook.AuditDeleted || log.Rows[0].Name != "member0@example.com" {
		r.Errorf("audit log: %d entries", len(log.Rows))
	}
	if text := fmt.Sprint(log.Rows[0].Before, log.Rows[1].After); strings.Contains(text, "hash of") || !strings.Contains(text, "password:set") {
		r.Errorf("the log says %s", text)
	}
}

func testLastOwner(r *catalogRoom) {
	env := r.environment()
	demote := func(u *hook.User) error { u.SetRole(env.ID, hook.RoleDeveloper); return nil }
	last := r.user(env.ID, "last@example.com", hook.RoleOwner)
	invited := &hook.User{Email: "invited@example.com", Owner: true} // and never came
	r.must(r.CreateUser(r.ctx, env.ID, invited))
	r.wants(hook.Conflict, r.DeleteUser(r.ctx, env.ID, last.ID))
	r.wants(hook.Conflict, second(r.UpdateUser(r.ctx, env.ID, last.ID, 0, demote)))
	if u, err := r.User(r.ctx, last.ID); err != nil || !u.Owner {
		r.Errorf("%+v, %v", u, err)
	}
	r.must(r.DeleteUser(r.ctx, env.ID, invited.ID))
	next := r.user(env.ID, "next@example.com", hook.RoleOwner)
	r.must(second(r.UpdateUser(r.ctx, env.ID, last.ID, 0, demote)))
	r.wants(hook.Conflict, r.DeleteUser(r.ctx, env.ID, next.ID))
	// Two owners who take it from each other at the same moment: one stays.
	r.must(second(r.UpdateUser(r.ctx, env.ID, last.ID, 0, func(u *hook.User) error { u.SetRole(env.ID, hook.RoleOwner); return nil })))
	var wg sync.WaitGroup
	for _, id := range []hook.UserID{last.ID, next.ID} {
		wg.Go(func() { _, _ = r.UpdateUser(r.ctx, env.ID, id, 0, demote) })
	}
	wg.Wait()
	owners := 0
	all, err := r.Users(r.ctx)
	r.must(err)
	for _, u := range all {
		if u.Owner {
			owners++
		}
	}
	if owners != 1 {
		r.Errorf("%d owners", owners)
	}
}

func testSessions(r *catalogRoom) {
	env := r.environment()
	r.user(env.ID, "owner@example.com", hook.RoleOwner)
	u := r.user(env.ID, "u@example.com", hook.RoleViewer)
	now := time.Now()
	session := func(n byte, change func(*hook.Session)) *hook.Session {
		s := &hook.Session{Hash: [32]byte{90, n}, User: u.ID, EndsAt: now.Add(hook.SessionLife), Address: "192.0.2.1", Browser: "B"}
		if change != nil {
			change(s)
		}
		r.must(r.CreateSession(r.ctx, s))
		return s
	}
	alive := func(s *hook.Session) bool {
		_, _, err := r.Session(r.ctx, s.Hash)
		if err != nil {
			r.wants(hook.NotFound, err)
		}
		return err == nil
	}
	a, b := session(1, nil), session(2, nil)
	idle := session(3, func(s *hook.Session) {
		s.CreatedAt, s.UsedAt = now.Add(-20*time.Hour), now.Add(-hook.SessionIdle-time.Minute)
	})
	old := session(4, func(s *hook.Session) { s.CreatedAt, s.EndsAt = now.Add(-hook.SessionLife), now.Add(-time.Second) })
	r.reopen()
	got, who, err := r.Session(r.ctx, a.Hash)
	r.must(err)
	r.same("session", got, a)
	if who.ID != u.ID || who.RoleIn(env.ID) != hook.RoleViewer || alive(idle) || alive(old) || !alive(b) {
		r.Errorf("%+v, idle %v, old %v", who, alive(idle), alive(old))
	}
	list, err := r.Sessions(r.ctx, u.ID)
	r.must(err)
	if len(list) != 2 || list[0].ID != b.ID {
		r.Errorf("%d sessions", len(list))
	}
	later := now.Add(2 * time.Minute).Truncate(time.Millisecond)
	r.must(r.TouchSession(r.ctx, a.ID, later, "192.0.2.2", "C"))
	got, who, err = r.Session(r.ctx, a.Hash)
	r.must(err)
	if !got.UsedAt.Equal(later) || got.Address != "192.0.2.2" || got.Browser != "C" || !who.SeenAt.Equal(later) {
		r.Errorf("after a use: %+v, %+v", got, who)
	}
	r.wants(hook.NotFound, r.EndSession(r.ctx, u.ID+1, b.ID))
	r.must(r.EndSession(r.ctx, u.ID, b.ID))
	r.wants(hook.NotFound, r.EndSession(r.ctx, u.ID, b.ID))
	if alive(b) || !alive(a) {
		r.Error("the wrong session ended")
	}
	// A name is nothing that ends sessions; a password and a role are.
	b = session(5, nil)
	r.must(second(r.UpdateUser(r.ctx, env.ID, u.ID, 0, func(u *hook.User) error { u.Name = "new"; return nil })))
	if !alive(a) || !alive(b) {
		r.Error("a new name ended a session")
	}
	r.must(second(r.UpdateUser(r.ctx, env.ID, u.ID, a.ID, func(u *hook.User) error { u.Password = "new hash"; return nil })))
	if !alive(a) || alive(b) {
		r.Error("a new password left a session, or ended the one in which it was set")
	}
	r.must(second(r.UpdateUser(r.ctx, env.ID, u.ID, 0, func(u *hook.User) error { u.SetRole(env.ID, hook.RoleSupport); return nil })))
	if alive(a) {
		r.Error("a new role left a session")
	}
	c := session(6, nil)
	r.must(r.DeleteUser(r.ctx, env.ID, u.ID))
	if alive(c) {
		r.Error("a session is left of who was removed")
	}
	r.wants(hook.NotFound, r.CreateSession(r.ctx, &hook.Session{Hash: [32]byte{91}, User: u.ID, EndsAt: now.Add(time.Hour)}))
}

func testClaims(r *catalogRoom) {
	env := r.environment()
	claim := func(n byte, p hook.ClaimPurpose, user hook.UserID, life time.Duration) *hook.Claim {
		c := &hook.Claim{Hash: [32]byte{80, n}, Purpose: p, User: user, Environment: env.ID, ExpiresAt: time.Now().Add(life)}
		r.must(r.CreateClaim(r.ctx, c))
		return c
	}
	take := func(c *hook.Claim, n byte, change func(*hook.User)) (*hook.User, error) {
		s := &hook.Session{Hash: [32]byte{81, n}, EndsAt: time.Now().Add(time.Hour)}
		return r.TakeClaim(r.ctx, c.Hash, env.ID, s, func(_ *hook.Claim, u *hook.User) error { change(u); return nil })
	}
	earlier, expired := claim(1, hook.ClaimFirst, 0, time.Hour), claim(2, hook.ClaimFirst, 0, -time.Second)
	r.wants(hook.NotFound, second(r.ClaimByHash(r.ctx, earlier.Hash))) // replaced
	r.wants(hook.NotFound, second(r.ClaimByHash(r.ctx, expired.Hash)))
	one := claim(3, hook.ClaimFirst, 0, time.Hour)
	r.reopen()
	got, err := r.ClaimByHash(r.ctx, one.Hash)
	r.must(err)
	r.same("link", got, one)
	// Refused inside: it can be followed once more.
	_, err = r.TakeClaim(r.ctx, one.Hash, env.ID, &hook.Session{Hash: [32]byte{82}}, func(*hook.Claim, *hook.User) error { return hook.Errorf(hook.Invalid, "no") })
	r.wants(hook.Invalid, err)
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = take(one, byte(i), func(u *hook.User) { u.Email, u.Owner, u.Password = "first@example.com", true, "h" })
		})
	}
	wg.Wait()
	went := 0
	for _, err := range errs {
		if err == nil {
			went++
		} else {
			r.wants(hook.NotFound, err)
		}
	}
	if went != 1 {
		r.Fatalf("the link was followed %d times", went)
	}
	first, err := r.UserByEmail(r.ctx, "first@example.com")
	r.must(err)
	if list, err := r.Sessions(r.ctx, first.ID); err != nil || len(list) != 1 {
		r.Errorf("%d sessions, %v", len(list), err)
	}
	// There is a user now: a link for the first one leads nowhere.
	late := claim(9, hook.ClaimFirst, 0, time.Hour)
	r.wants(hook.Conflict, second(take(late, 20, func(u *hook.User) { u.Email = "second@example.com" })))

	reset := claim(10, hook.ClaimPassword, first.ID, time.Hour)
	u, err := take(reset, 21, func(u *hook.User) { u.Password = "new" })
	r.must(err)
	if list, err := r.Sessions(r.ctx, first.ID); err != nil || len(list) != 1 || u.Password != "new" || list[0].Hash != [32]byte{81, 21} {
		r.Errorf("after a new password: %d sessions, %v, %+v", len(list), err, u)
	}
	r.wants(hook.NotFound, second(take(reset, 22, func(*hook.User) {})))
	gone := claim(11, hook.ClaimPassword, first.ID, time.Hour)
	r.user(env.ID, "other@example.com", hook.RoleOwner) // the last owner stays
	r.must(r.DeleteUser(r.ctx, env.ID, first.ID))
	r.wants(hook.NotFound, second(r.ClaimByHash(r.ctx, gone.Hash)))
	r.wants(hook.NotFound, r.CreateClaim(r.ctx, &hook.Claim{Hash: [32]byte{99}, Purpose: hook.ClaimPassword, User: first.ID, ExpiresAt: time.Now().Add(time.Hour)}))
}
