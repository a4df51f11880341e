package httpapi

import (
	"net/http"

	"github.com/hookloft/hookloft/api"
)

const (
	sessionPath = "/x/v1/session"
	usersPath   = "/x/v1/user"
	userPath    = usersPath + "/{user_id}"
)

// accountRoutes are about people: how they sign in, and who they are.
func accountRoutes() []route {
	const (
		get, post, patch, del = http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete
		ok, created, none     = http.StatusOK, http.StatusCreated, http.StatusNoContent
	)
	return []route{
		{method: post, path: sessionPath, op: "session.create", tag: "Session", summary: "Sign in with e-mail address and password. The answer sets a cookie, which counts together with the header Hookloft-Environment.", access: open,
			in: api.SessionIn{}, out: api.ViewerOut{}, statuses: []int{ok}, handler: (*server).createSession},
		{method: del, path: sessionPath, op: "session.delete", tag: "Session", summary: "Sign out.", access: signedIn,
			statuses: []int{none}, handler: (*server).deleteSession},
		{method: get, path: sessionPath, op: "session.list", tag: "Session", summary: "List the browsers in which the caller is signed in.", access: signedIn,
			out: api.SessionList{}, statuses: []int{ok}, handler: (*server).listSessions},
		{method: del, path: sessionPath + "/{session_id}", op: "session.end", tag: "Session", summary: "Sign the caller out in one browser.", access: signedIn,
			statuses: []int{none}, handler: (*server).endSession},
		{method: post, path: sessionPath + "/claim/look", op: "session.look-at-claim", tag: "Session", summary: "Say what a link of an invitation is for, without using it up.", access: open,
			in: api.ClaimLookIn{}, out: api.ClaimOut{}, statuses: []int{ok}, handler: (*server).lookAtClaim},
		{method: post, path: sessionPath + "/claim", op: "session.claim", tag: "Session", summary: "Follow a link: become the first owner, or set a password; and be signed in.", access: open,
			in: api.ClaimIn{}, out: api.ViewerOut{}, statuses: []int{ok}, handler: (*server).takeClaim},

		{method: get, path: usersPath, op: "user.list", tag: "User", summary: "List who may sign in to the environment.",
			out: api.List[api.UserOut]{}, statuses: []int{ok}, query: pageParams, handler: (*server).listUsers},
		{method: post, path: usersPath, op: "user.create", tag: "User", summary: "Invite somebody; the answer has the link to hand over. For owners.", access: signedIn,
			in: api.UserIn{}, out: api.UserLinkOut{}, statuses: []int{created}, handler: (*server).createUser},
		{method: patch, path: usersPath + "/me", op: "user.update-me", tag: "User", summary: "Change one's own name or password; a new password signs out everywhere else.", access: signedIn,
			in: api.UserMePatch{}, out: api.UserOut{}, statuses: []int{ok}, handler: (*server).patchMe},
		{method: patch, path: userPath, op: "user.patch", tag: "User", summary: "Give a user another role, which signs them out. For owners.", access: signedIn,
			in: api.UserPatch{}, out: api.UserOut{}, statuses: []int{ok}, handler: (*server).patchUser},
		{method: del, path: userPath, op: "user.delete", tag: "User", summary: "Take a user out of the environment, which signs them out. For owners.", access: signedIn,
			statuses: []int{none}, handler: (*server).deleteUser},
		{method: post, path: userPath + "/reset", op: "user.reset", tag: "User", summary: "Make a link by which a user sets a new password. For owners.", access: signedIn,
			out: api.UserLinkOut{}, statuses: []int{ok}, handler: (*server).resetUser},
	}
}
