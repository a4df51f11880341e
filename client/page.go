package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/hookloft/hookloft/api"
)

// pageRows is how many rows a page has: the most that the API gives.
const pageRows = 250

// Pages walks a list to its end, page by page, and yields each row. The path may have
// a query of its own; a limit in it is kept. An error is yielded once, as the last.
//
//	for app, err := range client.Pages[api.ApplicationOut](ctx, c, "/api/v1/app") { ... }
func Pages[T any](ctx context.Context, c *Client, path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		base, query, _ := strings.Cut(path, "?")
		values, err := url.ParseQuery(query)
		if err != nil {
			yield(none, err)
			return
		}
		if !values.Has("limit") {
			values.Set("limit", strconv.Itoa(pageRows))
		}
		for {
			var page api.List[T]
			if err := c.Call(ctx, http.MethodGet, base+"?"+values.Encode(), nil, &page); err != nil {
				yield(none, err)
				return
			}
			for _, row := range page.Data {
				if !yield(row, nil) {
					return
				}
			}
			// A page that leads back to itself would never end.
			if page.Done || page.Iterator == nil || *page.Iterator == values.Get("iterator") {
				return
			}
			values.Set("iterator", *page.Iterator)
		}
	}
}
