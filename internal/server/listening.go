package server

import (
	"context"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
	"github.com/hookloft/hookloft/internal/httpapi"
	"github.com/hookloft/hookloft/internal/send"
	"github.com/hookloft/hookloft/internal/store"
)

// wakingLedger is a Ledger that wakes those who listen to an application once a message
// of it is on disk, and tells those who watch. While nobody listens it costs two reads of memory a message.
type wakingLedger struct {
	store.Ledger
	hub  *httpapi.ListenHub
	tail *httpapi.Tail
}

func (l wakingLedger) Append(ctx context.Context, p *store.Publication) (store.Appended, error) {
	a, err := l.Ledger.Append(ctx, p)
	if err == nil {
		l.hub.Wake(p.Message.Application)
		if !a.Replayed {
			l.tail.Message(p.Message)
		}
	}
	return a, err
}

func (l wakingLedger) AppendAll(ctx context.Context, all []*store.Publication) ([]store.Appended, error) {
	a, err := l.Ledger.AppendAll(ctx, all)
	if err == nil {
		for i, p := range all {
			l.hub.Wake(p.Message.Application)
			if !a[i].Replayed {
				l.tail.Message(p.Message)
			}
		}
	}
	return a, err
}

// ledger is the ledger of all who accept messages.
func (n *node) ledger() store.Ledger {
	l := wakingLedger{n.opened.store, n.listening, n.tail}
	if t := n.otlp.Tracer(); t != nil {
		return tracingLedger{l, t}
	}
	return l
}

// newListenHub bounds who listens by a quarter of the clients that may be connected, so
// that there is always room for requests.
func newListenHub(maxClients int) *httpapi.ListenHub {
	const most = 256
	return httpapi.NewListenHub(min(max(maxClients/4, 1), most))
}

// forwarded tells the API what of a received message goes on.
func forwarded(m *hook.Message, sourceID string) (api.ListenRequest, [][2]string, error) {
	f, err := send.Forward(m, sourceID)
	if err != nil {
		return api.ListenRequest{}, nil, err
	}
	return api.ListenRequest{Method: f.Method, Path: f.Path, Query: f.Query}, f.Header, nil
}
