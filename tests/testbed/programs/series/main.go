// Command series serves counters that grow at constant rates, for a Prometheus to scrape: series that nothing in the bed
// counts itself, under the names and labels of whoever would.
//
//	series 'istio_requests_total{reporter="destination",response_code="200"}=99.5' ...
//
// Each argument is a series and how much it grows in a second. Counters begin at zero when the program starts.
package main

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

type series struct {
	name string
	rate float64
}

func main() {
	address := flag.String("address", ":9797", "where to serve /metrics")
	flag.Parse()
	all, err := parse(flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "series: %v\n", err)
		os.Exit(2)
	}
	began := time.Now()
	http.HandleFunc("/metrics", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/plain; version=0.0.4")
		passed := time.Since(began).Seconds()
		for _, one := range all {
			fmt.Fprintf(answer, "%s %f\n", one.name, one.rate*passed)
		}
	})
	if err := http.ListenAndServe(*address, nil); err != nil {
		fmt.Fprintf(os.Stderr, "series: %v\n", err)
		os.Exit(1)
	}
}

// parse reads arguments of the form SERIES=RATE; labels hold equals signs too, so the last one divides.
func parse(arguments []string) ([]series, error) {
	var all []series
	for _, argument := range arguments {
		at := strings.LastIndex(argument, "=")
		if at < 1 {
			return nil, fmt.Errorf("%q is no SERIES=RATE", argument)
		}
		rate, err := strconv.ParseFloat(argument[at+1:], 64)
		if err != nil || rate < 0 {
			return nil, fmt.Errorf("the rate of %q is no number from 0 on", argument)
		}
		all = append(all, series{argument[:at], rate})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("name at least one SERIES=RATE")
	}
	return all, nil
}
