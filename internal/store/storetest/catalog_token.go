package storetest

import (
	"slices"
	"time"

	"github.com/hookloft/hookloft/internal/hook"
)

func testTokens(r *catalogRoom) {
	env := r.environment()
	app := r.application(env.ID, "app")
	api, portal := r.token(env.ID, 0, ""), r.token(env.ID, app.ID, "session")
	for range 2 { // from disk, then from memory
		for _, want := range []*hook.Token{api, portal} {
			got, err := r.TokenByHash(r.ctx, want.Hash)
			r.must(err)
			r.same("token", got, want)
		}
	}
	for range 2 {
		r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, [32]byte{99})))
	}
	late := &hook.Token{Environment: env.ID, Hash: [32]byte{99}}
	r.must(r.CreateToken(r.ctx, late, nil))
	if _, err := r.TokenByHash(r.ctx, late.Hash); err != nil {
		r.Errorf("a token that was asked for before it existed is not found: %v", err)
	}
	r.wants(hook.Conflict, r.CreateToken(r.ctx, &hook.Token{Environment: env.ID, Hash: api.Hash}, nil))
	r.wants(hook.NotFound, r.CreateToken(r.ctx, &hook.Token{Environment: none, Hash: [32]byte{98}}, nil))
	r.wants(hook.NotFound, r.CreateToken(r.ctx, &hook.Token{Environment: env.ID, Application: none, Hash: [32]byte{98}}, nil))
	foreign := r.environment()
	r.wants(hook.NotFound, r.CreateToken(r.ctx, &hook.Token{Environment: foreign.ID, Application: app.ID, Hash: [32]byte{98}}, nil))

	list, err := r.ListTokens(r.ctx, env.ID)
	r.must(err)
	r.same("list", list, []*hook.Token{api, portal, late})

	r.wants(hook.NotFound, r.ExpireToken(r.ctx, foreign.ID, api.ID, time.Now()))
	if _, err := r.TokenByHash(r.ctx, api.Hash); err != nil {
		r.Errorf("another environment's request ended a token: %v", err)
	}
	r.must(r.ExpireToken(r.ctx, env.ID, api.ID, time.Now().Add(-time.Second)))
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, api.Hash)))
	r.must(r.ExpireToken(r.ctx, env.ID, api.ID, time.Now().Add(time.Hour)))
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, api.Hash))) // nothing brings it back
	r.reopen()
	r.wants(hook.NotFound, second(r.TokenByHash(r.ctx, api.Hash)))

	soon := &hook.Token{Environment: env.ID, Hash: [32]byte{97}, ExpiresAt: time.Now().Add(50 * time.Millisecond)}
	r.must(r.CreateToken(r.ctx, soon, nil))
	r.eventually("a token in memory expires by the clock", func() bool {
		return hook.KindOf(second(r.TokenByHash(r.ctx, soon.Hash))) == hook.NotFound
	})
}

func testExpireTokens(r *catalogRoom) {
	env := r.environment()
	app, other := r.application(env.ID, "app"), r.application(env.ID, "other")
	a, b, plain := r.token(env.ID, app.ID, "a"), r.token(env.ID, app.ID, "b"), r.token(env.ID, app.ID, "")
	foreign, api := r.token(env.ID, other.ID, "a"), r.token(env.ID, 0, "")
	live := func(want ...*hook.Token) {
		r.Helper()
		for i, t := range []*hook.Token{a, b, plain, foreign, api} {
			_, err := r.TokenByHash(r.ctx, t.Hash)
			if (err == nil) != slices.Contains(want, t) {
				r.Fatalf("token %d: %v", i, err)
			}
		}
	}
	live(a, b, plain, foreign, api)
	r.must(r.ExpireTokens(r.ctx, app.ID, []string{"a", "unknown"}, time.Now()))
	live(b, plain, foreign, api)
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now().Add(10*time.Minute))) // a grace period
	live(b, plain, foreign, api)
	r.must(r.ExpireTokens(r.ctx, app.ID, nil, time.Now()))
	live(foreign, api)
	r.reopen()
	live(foreign, api)
}

func testTouchToken(r *catalogRoom) {
	env := r.environment()
	token := r.token(env.ID, 0, "")
	second(r.TokenByHash(r.ctx, token.Hash))
	at := time.Now().UTC().Truncate(time.Millisecond)
	used := func() time.Time {
		list, err := r.ListTokens(r.ctx, env.ID)
		r.must(err)
		return list[0].LastUsedAt
	}
	r.TouchToken(token.ID, at)
	r.TouchToken(token.ID, at.Add(59*time.Second))
	r.TouchToken(none, at) // of no token
	r.same("last use", used(), at)
	r.reopen()
	r.same("last use after a restart", used(), at)
	r.TouchToken(token.ID, at.Add(59*time.Second))
	r.reopen()
	r.same("last use within the minute", used(), at)
	r.TouchToken(token.ID, at.Add(time.Minute))
	r.reopen()
	r.same("last use after a minute", used(), at.Add(time.Minute))
}
