package sidecar

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ringfence/rules"
)

// Lists asks which lists there are.
func (c *Client) Lists(ctx context.Context) (all []ListState, err error) {
	return all, c.askList(ctx, http.MethodGet, "/lists", nil, &all)
}

// LiveRows asks for the live rows of a list.
func (c *Client) LiveRows(ctx context.Context, list string) (all []rules.LiveChange, err error) {
	return all, c.askList(ctx, http.MethodGet, listPath(list), nil, &all)
}

// LearnedPage asks for the part of a learned list that begins at from, the Next
// of the page before or empty, with at most limit entries.
func (c *Client) LearnedPage(ctx context.Context, list, from string, limit int) (page rules.LearnedPage, err error) {
	query := url.Values{"limit": {strconv.Itoa(limit)}}
	if from != "" {
		query.Set("from", from)
	}
	return page, c.askList(ctx, http.MethodGet, listPath(list)+"/learned?"+query.Encode(), nil, &page)
}

// FindEntry asks whether a list holds an entry; subscriber is for a list per
// callee.
func (c *Client) FindEntry(ctx context.Context, list, entry, subscriber string) (m rules.ListMatch, err error) {
	query := url.Values{"entry": {entry}}
	if subscriber != "" {
		query.Set("subscriber", subscriber)
	}
	return m, c.askList(ctx, http.MethodGet, listPath(list)+"?"+query.Encode(), nil, &m)
}

// ChangeList has the daemon change a list and tells what was done. The error
// of a change that it refuses is a Refusal.
func (c *Client) ChangeList(ctx context.Context, ch ListChange) (rules.LiveChange, error) {
	if c.noToken != nil {
		return rules.LiveChange{}, c.noToken
	}
	var made ListChanged
	if err := c.askList(ctx, http.MethodPost, listPath(ch.List), ch, &made); err != nil {
		return rules.LiveChange{}, err
	}
	if made.Change == nil {
		return rules.LiveChange{}, errors.New("the daemon says nothing of the change")
	}
	return *made.Change, nil
}

func listPath(list string) string { return "/lists/" + url.PathEscape(list) }

// Refusal is what the daemon finds wrong with a request, one fault a line.
type Refusal []string

func (r Refusal) Error() string { return strings.Join(r, "\n") }

// askList sends body in JSON, if there is one, and reads the answer.
func (c *Client) askList(ctx context.Context, method, path string, body, into any) error {
	var send bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&send).Encode(body); err != nil {
			return err
		}
	}
	code, answer, err := c.do(ctx, method, path, &send)
	switch {
	case err != nil:
		return err
	case code == http.StatusOK:
		return c.read(path, answer, into)
	}
	var refused ListChanged
	if err := c.read(path, answer, &refused); err != nil {
		return err
	}
	return Refusal(refused.Errors)
}
