package hook

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// UserID names a person who signs in to the dashboard.
type UserID Key

// SessionID names a session of a user.
type SessionID Key

// User is a person who signs in. Customers in the portal are none: their tokens come from
// the product that they use.
type User struct {
	ID    UserID
	Email string // unique in the installation, whatever its case
	Name  string // may be ""
	// Password is its argon2id hash (auth.Passwords), "" for nobody can sign in with one.
	Password string
	// Owner: an owner of the installation, which is the role owner in every environment, also
	// in those that are made later.
	Owner bool
	// Roles are those in single environments. An owner needs none.
	Roles     map[EnvironmentID]Role
	CreatedAt time.Time
	SeenAt    time.Time // of the last request, to some minutes; zero for never
}

// RoleIn returns the user's role in an environment, "" for none.
func (u *User) RoleIn(env EnvironmentID) Role {
	if u.Owner {
		return RoleOwner
	}
	return u.Roles[env]
}

// AuditFieldsIn are what the log of an environment says of a user.
func (u *User) AuditFieldsIn(env EnvironmentID) (f AuditFields) {
	f.show("email", u.Email)
	f.show("name", u.Name)
	f.show("role", string(u.RoleIn(env)))
	f.hide("password", u.Password, "set")
	return f
}

// Role is what a user may do in an environment. Which operations those are stands in
// package httpapi, beside the scopes.
type Role string

// The roles, each with the rights of those after it.
const (
	RoleOwner     Role = "owner"     // everything, in all environments
	RoleDeveloper Role = "developer" // everything but people and API tokens
	RoleSupport   Role = "support"   // looks, and sends again, tests and pauses
	RoleViewer    Role = "viewer"    // looks, and sees no secret
)

// Roles returns all of them, the strongest first.
func Roles() []Role { return []Role{RoleOwner, RoleDeveloper, RoleSupport, RoleViewer} }

// ParseRole returns the role of that name.
func ParseRole(field, name string) (Role, error) {
	if !slices.Contains(Roles(), Role(name)) {
		return "", Fieldf(field, "must be owner, developer, support or viewer")
	}
	return Role(name), nil
}

// SetRole gives the user a role in an environment: owner is a role of the installation, so
// every other one takes that away, too.
func (u *User) SetRole(env EnvironmentID, role Role) {
	if u.Owner = role == RoleOwner; u.Owner {
		u.Roles = nil
		return
	}
	roles := map[EnvironmentID]Role{env: role}
	for e, r := range u.Roles {
		if e != env {
			roles[e] = r
		}
	}
	u.Roles = roles
}

// RemoveRole takes the user's role in an environment away; an owner's stays.
func (u *User) RemoveRole(env EnvironmentID) {
	roles := maps.Clone(u.Roles)
	delete(roles, env)
	u.Roles = roles
}

// NormalEmail is the form of an address by which users are told apart.
func NormalEmail(email string) string { return strings.ToLower(email) }

// maxEmailChars is the longest address that mail is delivered to (RFC 5321, 4.5.3.1.3).
const maxEmailChars = 254

// CheckEmail reports whether email can be an address. Whether mail arrives there is not
// tried: invitations are links that people hand over.
func CheckEmail(field, email string) error {
	at := strings.LastIndexByte(email, '@')
	if at < 1 || at == len(email)-1 || len(email) > maxEmailChars || !utf8.ValidString(email) ||
		strings.ContainsFunc(email, func(r rune) bool {
			return unicode.IsSpace(r) || !unicode.IsPrint(r) || strings.ContainsRune(`<>"\,;`, r)
		}) {
		return Fieldf(field, "must be an e-mail address")
	}
	return nil
}

// Bounds of a password: NIST SP 800-63B-4, section 3.1.1.2, asks for 15 characters where it is the
// only factor and forbids rules of composition; fewer than that are taken here, because
// guessing is slowed and each guess costs 64 MiB for a moment.
const (
	MinPasswordChars = 12
	MaxPasswordBytes = 1024
)

// commonPasswords are the first that are guessed among those that are long enough.
var commonPasswords = []string{
	"passwordpassword", "password1234", "password12345", "password123456", "123456789012", "1234567890123", "1234567890123456", "qwertyuiopas",
	"qwertyuiop12", "qwerty123456", "1q2w3e4r5t6y", "1qaz2wsx3edc", "letmeinletmein", "iloveyouiloveyou", "adminadminadmin", "administrator",
	"changemechangeme", "changeme1234", "welcome12345", "hookloftadmin", "hooklofthookloft", "correcthorsebatterystaple", "abcdefghijkl", "abcd12345678",
}

// CheckPassword reports whether a user with this address may have this password.
func CheckPassword(field, password, email string) error {
	lower := strings.ToLower(password)
	switch {
	case len(password) > MaxPasswordBytes:
		return Fieldf(field, "must have at most %d bytes", MaxPasswordBytes)
	case !utf8.ValidString(password):
		return Fieldf(field, "must be text")
	case utf8.RuneCountInString(password) < MinPasswordChars:
		return Fieldf(field, "must have at least %d characters; a few words that only you put together are good", MinPasswordChars)
	case email != "" && lower == NormalEmail(email), slices.Contains(commonPasswords, lower), strings.Trim(lower, lower[:1]) == "":
		return Fieldf(field, "is among the first that are guessed; take a few words that only you put together")
	}
	return nil
}

// Session is one browser in which a user is signed in.
type Session struct {
	ID        SessionID
	Hash      [32]byte // of its text, which is in the browser's cookie alone
	User      UserID
	CreatedAt time.Time
	UsedAt    time.Time // to a minute
	EndsAt    time.Time // whatever is done in it
	Address   string    // of the newest request that was noted
	Browser   string    // as it called itself then
}

// Life times of a session.
const (
	SessionIdle = 12 * time.Hour      // without a request
	SessionLife = 30 * 24 * time.Hour // in all
)

// Ended reports whether the session is over at now.
func (s *Session) Ended(now time.Time) bool {
	return !now.Before(s.EndsAt) || now.Sub(s.UsedAt) >= SessionIdle
}

// Claim is a link that is followed once: to become the first owner, to set a password, or to
// be signed in.
type Claim struct {
	Hash    [32]byte // of its text
	Purpose ClaimPurpose
	User    UserID // 0 for the first
	// Environment is the one in whose audit log it shows; 0 for the first.
	Environment EnvironmentID
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// ClaimPurpose is what a claim is for.
type ClaimPurpose string

// The purposes of claims.
const (
	ClaimFirst    ClaimPurpose = "first"    // to make the first user of the installation
	ClaimPassword ClaimPurpose = "password" // to set the password of a user who is there
	ClaimEnter    ClaimPurpose = "enter"    // to be signed in without one
)

// Life times of claims.
const (
	FirstClaimLife    = 24 * time.Hour
	PasswordClaimLife = 7 * 24 * time.Hour
)
