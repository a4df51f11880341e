//go:build unix

package rig

import (
	"fmt"
	"slices"
	"time"
)

// Target is an endpoint of a test, as created.
type Target struct {
	App      string
	ID       string // ep_...
	Path     string // at the receiver; each target has its own
	Channels []string
}

// Wants says whether a message goes to this endpoint: same application, and the
// channels meet (an endpoint without channels takes everything; one with channels
// takes nothing from a message without).
func (t Target) Wants(p Published) bool {
	if t.App != p.App {
		return false
	}
	if len(t.Channels) == 0 {
		return true
	}
	return slices.ContainsFunc(p.Channels, func(c string) bool { return slices.Contains(t.Channels, c) })
}

// Pair is one delivery: a message and an endpoint.
type Pair struct{ Message, Endpoint string }

// Account is what the API itself says happened.
type Account struct {
	Messages map[string]Message // by id
	Attempts map[Pair][]Attempt
}

// Delivered says whether the account holds a successful attempt of the pair.
func (a *Account) Delivered(p Pair) bool {
	return slices.ContainsFunc(a.Attempts[p], func(at Attempt) bool { return at.Status == 0 })
}

// ReadAccount reads the messages and attempts of all targets from the API.
func ReadAccount(api *API, targets []Target) (*Account, error) {
	a := &Account{Messages: make(map[string]Message), Attempts: make(map[Pair][]Attempt)}
	apps := make(map[string]bool)
	for _, t := range targets {
		if !apps[t.App] {
			apps[t.App] = true
			messages, err := api.Messages(t.App)
			if err != nil {
				return nil, fmt.Errorf("read account: %w", err)
			}
			for _, m := range messages {
				a.Messages[m.ID] = m
			}
		}
		attempts, err := api.Attempts(t.App, t.ID)
		if err != nil {
			return nil, fmt.Errorf("read account: %w", err)
		}
		for _, at := range attempts {
			pair := Pair{at.MsgID, t.ID}
			a.Attempts[pair] = append(a.Attempts[pair], at)
		}
	}
	return a, nil
}

// Settle waits until every acknowledged message has arrived at, and is recorded
// for, every endpoint that wants it, and nothing has moved for half a second; or
// until the timeout, which is no error: what is missing then is for Check to say.
// It returns the last account read.
func Settle(api *API, l *Ledger, r *Receiver, targets []Target, timeout time.Duration) (*Account, error) {
	deadline := time.Now().Add(timeout)
	entries := l.Entries()
	arrived, recorded := -1, -1
	for {
		time.Sleep(250 * time.Millisecond)
		late := time.Now().After(deadline)
		now := r.Count("")
		moved := now != arrived
		arrived = now
		if moved && !late {
			continue // the API's lists are costly to read; wait for quiet first
		}
		account, err := ReadAccount(api, targets)
		if err != nil {
			return nil, err
		}
		attempts := 0
		for _, list := range account.Attempts {
			attempts += len(list)
		}
		settled := attempts == recorded && allDelivered(entries, account, targets)
		recorded = attempts
		if settled || late {
			return account, nil
		}
	}
}

func allDelivered(entries map[int64]Published, a *Account, targets []Target) bool {
	for _, e := range entries {
		if !e.Acked {
			continue
		}
		for _, t := range targets {
			if t.Wants(e) && !a.Delivered(Pair{e.ID, t.ID}) {
				return false
			}
		}
	}
	return true
}
