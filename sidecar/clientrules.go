package sidecar

import (
	"context"
	"net/http"
	"net/url"
)

// Resume has a rule act again that its limit has put into monitor. The error of
// a rule that there is not is a Refusal.
func (c *Client) Resume(ctx context.Context, rule string) (Resumed, error) {
	var r Resumed
	if c.noToken != nil {
		return r, c.noToken
	}
	err := c.ask(ctx, http.MethodPost, "/rules/"+url.PathEscape(rule)+"/resume", &r)
	if err == nil && !r.OK {
		err = Refusal(r.Errors)
	}
	return r, err
}
