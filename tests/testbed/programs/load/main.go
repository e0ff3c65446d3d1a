// Command load asks one URL at a constant rate and counts who answered and what failed.
//
// Each second, and at the end, it prints one line of JSON. The rate is kept whatever the answers do: a request is due at
// its time even when earlier ones hang, so slow answers do not hide themselves (no coordinated omission). It ends after
// --duration or at SIGTERM or SIGINT; requests under way are waited for and counted.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	url := flag.String("url", "", "what to ask, for example http://10.220.0.80/")
	host := flag.String("host", "", "the Host header, when it is not the URL's")
	path := flag.String("path", "", "the path to ask, in place of the URL's")
	header := flag.String("header", "", "one more header, as `Name: value`")
	rate := flag.Float64("rate", 20, "requests a second")
	connections := flag.Int("connections", 8, "connections that take turns; each is renewed after --reuse requests")
	reuse := flag.Int("reuse", 50, "requests on one connection before it is renewed (0: a new one for each request)")
	timeout := flag.Duration("timeout", 10*time.Second, "how long one request may take")
	duration := flag.Duration("duration", 0, "how long to go on (0: until a signal)")
	flag.Parse()
	if *url == "" || *rate <= 0 || *connections < 1 || *reuse < 0 || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "load: --url, a positive --rate and at least one of --connections are needed; see --help")
		os.Exit(2)
	}
	asker, err := newAsker(*url, *host, *path, *header, *connections, *reuse, *timeout)
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: %v\n", err)
		os.Exit(2)
	}
	if failed := send(asker, *rate, *duration); failed > 0 {
		os.Exit(1)
	}
}

// send keeps the rate until the duration is over or a signal comes, and returns the number of failed requests.
func send(asker *asker, rate float64, duration time.Duration) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	var over <-chan time.Time
	if duration > 0 {
		over = time.After(duration)
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()

	totals := newReport()
	var underWay sync.WaitGroup
	began := time.Now()
	due := time.NewTimer(0)
	for sent := 0; ; {
		select {
		case <-due.C:
			underWay.Add(1)
			go func(number int) {
				defer underWay.Done()
				totals.add(asker.ask(number))
			}(sent)
			sent++
			// From the beginning, so that delays do not add up to a lower rate.
			due.Reset(time.Until(began.Add(time.Duration(float64(sent) / rate * float64(time.Second)))))
			continue
		case <-second.C:
			totals.printSecond(time.Since(began))
			continue
		case <-over:
		case <-stop:
		}
		break
	}
	underWay.Wait()
	totals.printTotals(time.Since(began))
	return totals.failed()
}
