package httpapi

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/hookloft/hookloft/api"
	"github.com/hookloft/hookloft/internal/hook"
)

// listRejections lists the sample of requests that a source rejected, newest first.
func (s *server) listRejections(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	codec := s.Catalog.Codec()
	p, err := page(c.q, true, func(id string) (hook.RejectionID, bool) { return codec.ParseRejection(src.ID, id) })
	if err != nil {
		return err
	}
	list, err := s.Catalog.Rejections(c.ctx(), src.ID, p)
	if err != nil {
		return err
	}
	hidden, err := s.sightOfSource(c, src)
	if err != nil {
		return err
	}
	withhold := withheldBy(src)
	return c.json(http.StatusOK, listToAPI(list,
		func(r *hook.Rejection) string { return codec.Rejection(src.ID, r.ID) },
		func(r *hook.Rejection) api.IngestLogOut { return s.rejectionToAPI(src, r, withhold, hidden) }))
}

func (s *server) rejectionToAPI(src *hook.Source, r *hook.Rejection, withhold withheld, hidden []*hook.Redaction) api.IngestLogOut {
	codec := s.Catalog.Codec()
	at := r.At.UTC().Truncate(time.Millisecond)
	out := api.IngestLogOut{
		ID: codec.Rejection(src.ID, r.ID), SourceID: codec.Source(src.Environment, src.ID),
		StatusCode: r.Status, ErrorText: plainText(r.Reason), Headers: make(map[string]string, len(r.Header)),
		CreatedAt: at, UpdatedAt: at, PayloadTruncated: r.BodyTruncated, Method: plainText(r.Method), RemoteAddr: r.Remote,
	}
	for name, value := range r.Header {
		out.Headers[plainText(name)] = withhold.header(name, value)
	}
	shown := r.Body
	for _, redaction := range hidden {
		shown = visible(redaction, shown)
	}
	if body, ok := textOf(shown, r.BodyTruncated); ok {
		out.Payload = string(body)
	} else {
		out.Payload, out.PayloadBase64 = base64.StdEncoding.EncodeToString(shown), true
	}
	return out
}

// plainText makes text of a stranger fit for JSON.
func plainText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

const (
	defaultSourceSpan = 24 * time.Hour
	// maxSourceSpan is how long counts are kept.
	maxSourceSpan = 90 * 24 * time.Hour
)

// getSourceStats counts a source's requests by hour and by what became of them.
func (s *server) getSourceStats(c *call) error {
	src, err := s.source(c)
	if err != nil {
		return err
	}
	since, until, err := timeSpan(c.q, s.now(), defaultSourceSpan, maxSourceSpan)
	if err != nil {
		return err
	}
	counts, err := s.Catalog.SourceCounts(c.ctx(), src.ID, since, until)
	if err != nil {
		return err
	}
	out := api.SourceStatsOut{Since: since, Until: until, Hours: []api.SourceHour{}, Totals: api.SourceCounts{Reasons: map[string]int64{}}}
	for _, n := range counts {
		last := len(out.Hours) - 1
		if last < 0 || !out.Hours[last].Hour.Equal(n.Hour) {
			out.Hours = append(out.Hours, api.SourceHour{Hour: n.Hour.UTC(), SourceCounts: api.SourceCounts{Reasons: map[string]int64{}}})
			last++
		}
		addCount(&out.Hours[last].SourceCounts, n)
		addCount(&out.Totals, n)
	}
	return c.json(http.StatusOK, out)
}

func addCount(to *api.SourceCounts, n hook.SourceCount) {
	switch n.Verdict {
	case hook.Accepted:
		to.Accepted += n.N
	case hook.Duplicate:
		to.Duplicate += n.N
	case hook.Handshake:
		to.Handshake += n.N
	case hook.Rejected:
		to.Rejected += n.N
		to.Reasons[plainText(n.Reason)] += n.N
	}
}
