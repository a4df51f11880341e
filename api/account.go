package api

import "time"

// ViewerUser is who has signed in.
type ViewerUser struct {
	ID    string  `json:"id"`
	Email string  `json:"email"`
	Name  *string `json:"name"`
	// Role is the one in the environment: owner, developer, support or viewer.
	Role string `json:"role"`
	// HasPassword is false for who came by a link.
	HasPassword bool `json:"hasPassword"`
}

// ViewerPlace is an environment in which a user has a role.
type ViewerPlace struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// SessionIn signs in.
type SessionIn struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// SessionOut is a browser in which the caller is signed in.
type SessionOut struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"createdAt"`
	UsedAt    time.Time `json:"usedAt"`
	EndsAt    time.Time `json:"endsAt"`
	Address   string    `json:"address"`
	// Browser is what it calls itself.
	Browser string `json:"browser"`
	// Current: it makes this request.
	Current bool `json:"current"`
}

// SessionList is every session of the caller, the newest first.
type SessionList struct {
	Data []SessionOut `json:"data"`
}

// ClaimLookIn asks what a link is for.
type ClaimLookIn struct {
	Token string `json:"token"`
}

// ClaimOut says what a link is for.
type ClaimOut struct {
	// Purpose is first (become the first owner), password (set one) or enter (be signed in).
	Purpose string `json:"purpose"`
	// Email is null where the reader chooses it.
	Email     *string   `json:"email"`
	Name      *string   `json:"name"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// ClaimIn uses a link up.
type ClaimIn struct {
	Token string `json:"token"`
	// Email is for the first user, Password for all but who is just signed in.
	Email    *string `json:"email,omitempty"`
	Name     *string `json:"name,omitempty"`
	Password *string `json:"password,omitempty"`
}

// UserOut is a user with the role in the environment that is asked.
type UserOut struct {
	ID    string  `json:"id"`
	Email string  `json:"email"`
	Name  *string `json:"name"`
	Role  string  `json:"role"`
	// HasPassword is false until the invitation was followed.
	HasPassword bool       `json:"hasPassword"`
	CreatedAt   time.Time  `json:"createdAt"`
	SeenAt      *time.Time `json:"seenAt"`
}

// UserIn invites somebody into the environment.
type UserIn struct {
	Email string  `json:"email"`
	Name  *string `json:"name,omitempty"`
	// Role is owner (of all environments), developer, support or viewer.
	Role string `json:"role"`
}

// UserPatch changes a user's role in the environment.
type UserPatch struct {
	Role string `json:"role"`
}

// UserMePatch changes the caller's own name or password. A new password needs the one before.
type UserMePatch struct {
	Name        Optional[string] `json:"name,omitzero"`
	Password    *string          `json:"password,omitempty"`
	OldPassword *string          `json:"oldPassword,omitempty"`
}

// UserLinkOut is a user with the link to hand over, by which they set a password. It is shown
// this one time.
type UserLinkOut struct {
	User UserOut `json:"user"`
	// URL is null for who has a password already.
	URL       *string    `json:"url"`
	ExpiresAt *time.Time `json:"expiresAt"`
}
