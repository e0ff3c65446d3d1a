package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"
)

// answer is what one request came to. failure is empty when it went well.
type answer struct {
	version string
	pod     string
	status  int
	took    time.Duration
	failure string
	// retried tells that Go's client repeated the request by itself, as it may when the server closes a kept connection
	// before the first byte of an answer.
	retried bool
}

// asker sends requests over several connections in turn and renews each after a number of requests: balancers choose a
// way by connection or by request, and a change of routes must be seen on old connections and on new ones.
type asker struct {
	request *http.Request
	clients []*client
	reuse   int64
}

type client struct {
	http.Client
	asked atomic.Int64
}

func newAsker(url, host, path, header string, connections, reuse int, timeout time.Duration) (*asker, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if path != "" {
		request.URL.Path = path
	}
	if host != "" {
		request.Host = host
	}
	if header != "" {
		name, value, found := strings.Cut(header, ":")
		if !found {
			return nil, fmt.Errorf("--header %q has no colon", header)
		}
		request.Header.Set(strings.TrimSpace(name), strings.TrimSpace(value))
	}
	made := &asker{request: request, reuse: int64(reuse)}
	for range connections {
		one := &client{}
		one.Timeout = timeout
		// No proxy: the address is on this machine.
		one.Transport = &http.Transport{Proxy: nil, MaxIdleConnsPerHost: 1, DisableCompression: true}
		one.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		made.clients = append(made.clients, one)
	}
	return made, nil
}

func (a *asker) ask(number int) answer {
	one := a.clients[number%len(a.clients)]
	tries := 0
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { tries++ }}
	request := a.request.Clone(httptrace.WithClientTrace(a.request.Context(), trace))
	// The last request on a connection says so itself; closing behind its back would race with requests under way.
	request.Close = a.reuse == 0 || one.asked.Add(1)%a.reuse == 0
	began := time.Now()
	response, err := one.Do(request)
	if err != nil {
		return answer{took: time.Since(began), failure: err.Error(), retried: tries > 1}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	got := answer{status: response.StatusCode, took: time.Since(began), retried: tries > 1}
	got.version, got.pod = whoAnswered(body)
	switch {
	case err != nil:
		got.failure = fmt.Sprintf("the answer broke off: %v", err)
	case response.StatusCode >= http.StatusInternalServerError:
		text := strings.TrimSpace(string(body))
		got.failure = fmt.Sprintf("status %d: %.200s", response.StatusCode, text)
	}
	return got
}

// whoAnswered reads podinfo's answer: its message tells the version, its hostname the pod.
func whoAnswered(body []byte) (version, pod string) {
	var told struct {
		Message  string `json:"message"`
		Hostname string `json:"hostname"`
	}
	if json.Unmarshal(body, &told) != nil {
		return "", ""
	}
	return told.Message, told.Hostname
}
