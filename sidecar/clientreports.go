package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"ringfence/rules"
)

// Report has the daemon take down what a user says of a number. The error of a
// report that it refuses is a Refusal.
func (c *Client) Report(ctx context.Context, r rules.UserReport) (made Reported, err error) {
	if c.noToken != nil {
		return made, c.noToken
	}
	body, err := json.Marshal(r)
	if err != nil {
		return made, err
	}
	return made, c.askReport(ctx, http.MethodPost, "/reports", body, &made)
}

// Reports asks who has reported a number.
func (c *Client) Reports(ctx context.Context, number string) (all []rules.UserReport, err error) {
	return all, c.askReport(ctx, http.MethodGet, "/reports?"+url.Values{"number": {number}}.Encode(), nil, &all)
}

func (c *Client) askReport(ctx context.Context, method, path string, body []byte, into any) error {
	code, said, err := c.do(ctx, method, path, bytes.NewReader(body))
	switch {
	case err != nil:
		return err
	case code == http.StatusOK:
		return c.read(path, said, into)
	}
	var refused Reported
	if err := c.read(path, said, &refused); err != nil {
		return err
	}
	return Refusal(refused.Errors)
}
