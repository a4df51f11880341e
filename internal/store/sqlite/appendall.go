package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/store"
)

// AppendAll implements store.Ledger. More than store.MaxPublications are hook.TooLarge.
//
// The group is one operation of the writer, and all that it writes goes to the newest
// segment, so it is in one commit: a crash leaves all of it or nothing.
func (s *Store) AppendAll(ctx context.Context, all []*store.Publication) ([]store.Appended, error) {
	switch n := len(all); {
	case n == 0:
		return nil, ctx.Err()
	case n > store.MaxPublications:
		return nil, hook.Errorf(hook.TooLarge, "%d messages at once, at most %d are stored in one transaction", n, store.MaxPublications)
	}
	a := &appending{
		group: &group{publications: all, inbound: make([][]byte, len(all)), results: make([]store.Appended, len(all))},
		done:  make(chan struct{}, 1),
	}
	for i, p := range all {
		inbound, err := encodeInbound(p.Message.Inbound)
		if err != nil {
			return nil, err
		}
		a.group.inbound[i] = inbound
		a.bytes += publicationBytes(p, inbound)
	}
	if err := s.enqueue(ctx, a); err != nil {
		return nil, err
	}
	if a.err != nil {
		return nil, a.err
	}
	return a.group.results, nil
}

// appendGroup writes all publications of a group. Whatever refuses one is found before
// the first is written.
func (w *writer) appendGroup(g *group) (refusal, err error) {
	for _, p := range g.publications {
		if refusal := w.checkPlan(p); refusal != nil {
			return refusal, nil
		}
	}
	if len(g.publications) > 1 { // the first of all is refused before it writes anything
		if refusal, err := w.checkKeys(g); refusal != nil || err != nil {
			return refusal, err
		}
	}
	for i, p := range g.publications {
		// A key that an earlier one of the group has just taken is found like any other.
		if g.results[i], refusal, err = w.appendOne(p, g.inbound[i], false); err != nil {
			return nil, err
		} else if refusal != nil && i == 0 {
			return refusal, nil
		} else if refusal != nil {
			return nil, fmt.Errorf("append a group: found too late: %w", refusal) // takes back the others
		}
	}
	return nil, nil
}

// checkKeys refuses a group with a key that came with another body, before or in the group.
func (w *writer) checkKeys(g *group) (refusal, err error) {
	now := w.nextKey().Millis()
	first := make(map[[16]byte]*[16]byte)
	for _, p := range g.publications {
		if p.Key == nil {
			continue
		}
		if body, found := first[p.Key.Hash]; found {
			if *body != p.Key.Body {
				return errKeyReused(), nil
			}
			continue
		}
		first[p.Key.Hash] = &p.Key.Body
		prior, err := w.priorKey(spanOf(p.Key.Life), &p.Key.Hash, nil, now)
		if err != nil {
			return nil, err
		}
		if prior != nil && !bytes.Equal(prior.request, p.Key.Body[:]) {
			return errKeyReused(), nil
		}
	}
	return nil, nil
}
