package sidecar

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"time"

	"ringfence/rules"
)

// fetcher asks publishers of lists.
type fetcher struct {
	transport *http.Transport
	agent     string
	silence   time.Duration // between two pieces of an answer
	total     time.Duration // of one fetch
}

// fetched is what a publisher has sent.
type fetched struct {
	unchanged      bool   // what is known of it already
	etag, modified string // for the next time
	sha256         string // of what was sent, hex
}

// redirects bounds how often a publisher may send elsewhere.
const redirects = 5

func newFetcher(version string) fetcher {
	return fetcher{
		agent: "ringfence/" + version, silence: 30 * time.Second, total: 15 * time.Minute,
		transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout:    10 * time.Second,
			ResponseHeaderTimeout:  30 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			IdleConnTimeout:        10 * time.Second,
			ForceAttemptHTTP2:      true,
		},
	}
}

func (f *fetcher) close() { f.transport.CloseIdleConnections() }

// fetch writes what the publisher of d has to a file of that name, unpacked,
// unless it is known.
func (f *fetcher) fetch(ctx context.Context, d rules.Feed, known feedState, name string) (fetched, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, f.total, fmt.Errorf("not sent within %s", f.total))
	defer cancel()
	header := http.Header{}
	if known.ETag != "" {
		header.Set("If-None-Match", known.ETag)
	}
	if known.Modified != "" {
		header.Set("If-Modified-Since", known.Modified)
	}
	answer, err := f.get(ctx, d, d.URL, header)
	if err != nil {
		return fetched{}, err
	}
	defer answer.Body.Close()
	got := fetched{etag: validator(answer, "ETag"), modified: validator(answer, "Last-Modified")}
	if answer.StatusCode == http.StatusNotModified && len(header) > 0 {
		got.unchanged = true
		return got, nil
	}
	if err := unusable(answer, d); err != nil {
		return got, err
	}
	sum := sha256.New()
	if err := unpack(answer.Body, sum, d.MaxSize, name); err != nil {
		return got, reason(ctx, err)
	}
	got.sha256 = hex.EncodeToString(sum.Sum(nil))
	return got, f.check(ctx, d, got.sha256)
}

// validator is what the publisher wants to hear the next time, empty when it is
// so long that every later request would be refused for it.
func validator(answer *http.Response, name string) string {
	if value := answer.Header.Get(name); len(value) <= 1<<10 {
		return value
	}
	return ""
}

// get asks for one address. The body of the answer fails when nothing comes for
// a while.
func (f *fetcher) get(ctx context.Context, d rules.Feed, address string, header http.Header) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		cancel(nil)
		return nil, errors.New("the address cannot be read")
	}
	for key, values := range header {
		request.Header[key] = values
	}
	request.Header.Set("User-Agent", f.agent)
	if d.TokenFile != "" && sameHost(address, d.URL) {
		token, err := readToken(d.TokenFile)
		if err != nil {
			cancel(nil)
			return nil, fmt.Errorf("token_file: %w", err)
		}
		if d.Header != "" {
			request.Header.Set(d.Header, token)
		} else {
			request.Header.Set("Authorization", "Bearer "+token)
		}
	}
	client := http.Client{Transport: f.transport, CheckRedirect: func(next *http.Request, via []*http.Request) error {
		return redirected(d, next, via)
	}}
	answer, err := client.Do(request)
	if err != nil {
		defer cancel(nil)
		return nil, reason(ctx, err)
	}
	silent := time.AfterFunc(f.silence, func() { cancel(fmt.Errorf("nothing came for %s", f.silence)) })
	answer.Body = &patientBody{answer.Body, ctx, cancel, silent, f.silence}
	return answer, nil
}

// redirected refuses to follow to where anybody could change what comes and to
// this machine, and shows the token to no other host.
func redirected(d rules.Feed, next *http.Request, via []*http.Request) error {
	first := via[0].URL
	if len(via) > redirects {
		return fmt.Errorf("redirected more than %d times", redirects)
	}
	if next.URL.Scheme != "https" && (first.Scheme != "http" || !d.Insecure && !loopback(next.URL.Hostname())) {
		return fmt.Errorf("redirected to %s at %s, which anybody on the way can change (ask the publisher for https)", next.URL.Scheme, next.URL.Host)
	}
	if loopback(next.URL.Hostname()) && !loopback(first.Hostname()) {
		return fmt.Errorf("redirected to %s, which is this machine and not the publisher's", next.URL.Host)
	}
	if !sameHost(next.URL.String(), first.String()) {
		next.Header.Del("Authorization")
		if d.Header != "" {
			next.Header.Del(d.Header)
		}
	}
	return nil
}

// sameHost tells whether both addresses are of the same host, port and scheme.
func sameHost(a, b string) bool {
	x, err := url.Parse(a)
	y, more := url.Parse(b)
	return err == nil && more == nil && x.Scheme == y.Scheme && x.Host == y.Host
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// reason is why a request failed, without its address, which may hold a secret.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cut off in the middle")
	}
	return err
}

// patientBody gives up when nothing comes.
type patientBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	silent *time.Timer
	limit  time.Duration
}

func (b *patientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.silent.Reset(b.limit)
	if err != nil && err != io.EOF {
		err = reason(b.ctx, err)
	}
	return n, err
}

func (b *patientBody) Close() error {
	b.silent.Stop()
	defer b.cancel(nil)
	return b.ReadCloser.Close()
}

// unusable says why an answer is no list, before it is read.
func unusable(answer *http.Response, d rules.Feed) error {
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return fmt.Errorf("the publisher refuses with %s (does token_file hold what he gave you?)", answer.Status)
	case code != http.StatusOK:
		return fmt.Errorf("the publisher answers %s", answer.Status)
	case answer.ContentLength > d.MaxSize:
		return tooLarge(d.MaxSize)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind == "text/html" {
		return errors.New("a web page came, not a list (is the address that of the file?)")
	}
	return nil
}

func tooLarge(limit int64) error {
	return fmt.Errorf("more than %d bytes came (raise max_size, if that is right)", limit)
}

// unpack writes what comes to a new file of that name. Gzip is known by its
// first bytes. Neither what is sent nor what is unpacked may be larger than
// limit.
func unpack(from io.Reader, sum hash.Hash, limit int64, name string) error {
	sent := &bounded{io.TeeReader(from, sum), limit, tooLarge(limit)}
	in := bufio.NewReader(sent)
	var out io.Reader = in
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("gzip: %w", err)
		}
		out = &bounded{z, limit, tooLarge(limit)}
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, out)
	return errors.Join(err, file.Close())
}

// bounded fails with over when more than left bytes come.
type bounded struct {
	io.Reader
	left int64
	over error
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.over
	}
	return n, err
}
