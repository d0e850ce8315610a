// Command load sends one AdmissionReview over and over on keep-alive TLS connections.
//
// It talks to its parent in lines, so that the parent can read the CPU clocks of both processes while nothing is in
// flight: after a warm-up it prints "ready" and waits for a line; then it runs the measured phase, prints one JSON
// object and waits for the end of its input.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"time"
)

type result struct {
	Requests   int     `json:"requests"`
	Errors     int     `json:"errors"`
	FirstError string  `json:"first_error,omitempty"`
	P50        float64 `json:"p50_us"`
	P99        float64 `json:"p99_us"`
	Max        float64 `json:"max_us"`
}

func newResult(t *tally) result {
	r := result{Requests: len(t.latencies), Errors: t.errors}
	if t.firstErr != nil {
		r.FirstError = t.firstErr.Error()
	}
	slices.Sort(t.latencies)
	r.P50, r.P99, r.Max = quantile(t.latencies, 0.50), quantile(t.latencies, 0.99), quantile(t.latencies, 1)
	return r
}

// quantile is in microseconds.
func quantile(sorted []time.Duration, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := min(int(q*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[at].Nanoseconds()) / 1e3
}

func main() {
	address := flag.String("address", "127.0.0.1:8443", "host:port of the webhook")
	path := flag.String("path", "/mutate?timeout=10s", "path and query")
	bodyFile := flag.String("body", "", "file with the request body")
	wantFile := flag.String("want", "", "file with the answer each request must get")
	count := flag.Int("conns", 8, "connections")
	rate := flag.Float64("rate", 0, "requests per second; 0: as many as the server answers")
	warm := flag.Duration("warm", time.Second, "load before the measured phase")
	window := flag.Duration("window", 2*time.Second, "length of the measured phase")
	flag.Parse()
	log.SetFlags(0)
	if *rate > 0 {
		// One for the thread that sleeps until the next request is due, one for the connections, on one core.
		runtime.GOMAXPROCS(2)
	}

	body, err := os.ReadFile(*bodyFile)
	check(err)
	want, err := os.ReadFile(*wantFile)
	check(err)
	conns := make([]*conn, *count)
	e := newExchange(*address, *path, body, want)
	for i := range conns {
		conns[i], err = e.dial()
		check(err)
	}
	check(runPhase(conns, *warm, *rate).firstErr)

	parent := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	_, err = parent.ReadString('\n')
	check(err)
	check(json.NewEncoder(os.Stdout).Encode(newResult(runPhase(conns, *window, *rate))))
	_, _ = parent.ReadString('\n') // its CPU clock has to stay readable
}

func check(err error) {
	if err != nil {
		log.Fatal("load: ", err)
	}
}
