package sidecar

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// Client asks the admin listener of a running daemon, as its configuration
// says where and with which token.
type Client struct {
	base    string
	token   string
	noToken error // why there is none
	http    *http.Client
}

var errNoToken = errors.New("no token is configured: set admin.token_file")

// NewClient makes a client for the daemon that c configures.
func NewClient(c *Config) (*Client, error) {
	token, noToken := "", errNoToken
	if c.Admin.TokenFile != "" {
		if token, noToken = readToken(c.Admin.TokenFile); noToken != nil {
			noToken = fmt.Errorf("admin.token_file: %w", noToken)
		}
	}
	host, port, err := net.SplitHostPort(c.Admin.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return &Client{base: "http://" + net.JoinHostPort(host, port), token: token, noToken: noToken, http: &http.Client{
		Timeout: 2 * time.Minute,
		// The token is for the daemon alone: neither a proxy of the environment
		// nor who a redirect names may see it.
		Transport:     &http.Transport{Proxy: nil},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Status asks how the daemon is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.ask(ctx, http.MethodGet, "/status", &s)
	return s, err
}

// Reload has the daemon load configuration and rules again. Rules that do not
// load are no error: the result holds what is wrong with them.
func (c *Client) Reload(ctx context.Context) (Reload, error) {
	var r Reload
	if errors.Is(c.noToken, errNoToken) {
		return r, fmt.Errorf("%w, or send the daemon SIGHUP", errNoToken)
	}
	if c.noToken != nil {
		return r, c.noToken
	}
	err := c.ask(ctx, http.MethodPost, "/reload", &r)
	return r, err
}

// Accepted is what became of POST /lists/{list}/accept.
type Accepted struct {
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"`
}

// Accept has the daemon take the copy of a list that its guard holds back. It
// is an error when there is none.
func (c *Client) Accept(ctx context.Context, list string) error {
	if c.noToken != nil {
		return c.noToken
	}
	var a Accepted
	err := c.ask(ctx, http.MethodPost, listPath(list)+"/accept", &a)
	if err == nil && !a.OK {
		err = errors.New(a.Error)
	}
	return err
}

// answerLimit bounds what is read of an answer, in bytes.
const answerLimit = 64 << 20

func (c *Client) ask(ctx context.Context, method, path string, into any) error {
	_, body, err := c.do(ctx, method, path, nil)
	if err != nil {
		return err
	}
	return c.read(path, body, into)
}

// do asks and returns the status and the body of an answer in JSON.
func (c *Client) do(ctx context.Context, method, path string, send io.Reader) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, send)
	if err != nil {
		return 0, nil, err
	}
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("no daemon answers: %w (is it running, and is admin.listen right?)", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit))
	if err != nil {
		return 0, nil, err
	}
	if resp.StatusCode/100 == 3 || !strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		return 0, nil, fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return resp.StatusCode, body, nil
}

func (c *Client) read(path string, body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s%s: %w", c.base, path, err)
	}
	return nil
}
