package main

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// The kernel counts the machine's CPU by looking at it once a tick (4 ms at the usual 250 Hz). Requests at exact
	// intervals would beat with that tick and be seen far too often or never; moved by up to one tick they are seen
	// in their true proportion.
	tick = 4 * time.Millisecond

	prSetTimerSlack = 29 // PR_SET_TIMERSLACK: the default lets a sleep end 50 us late
)

// tally is what one connection saw in one phase.
type tally struct {
	latencies []time.Duration
	errors    int
	firstErr  error
}

func (t *tally) record(latency time.Duration, err error) {
	if err == nil {
		t.latencies = append(t.latencies, latency)
		return
	}
	t.errors++
	if t.firstErr == nil {
		t.firstErr = err
	}
}

func (t *tally) add(other *tally) {
	t.latencies = append(t.latencies, other.latencies...)
	t.errors += other.errors
	if t.firstErr == nil {
		t.firstErr = other.firstErr
	}
}

// runPhase puts load on all connections for a while and returns when every request that was begun has ended, so that
// the server is at rest at both ends and its CPU belongs to the requests counted here and to nothing else.
//
// With a rate, requests are due at set instants whatever the server does, and a latency counts from that instant.
// Without, each connection sends its next request as soon as it has its answer.
func runPhase(conns []*conn, length time.Duration, rate float64) *tally {
	start := time.Now()
	end := start.Add(length)
	due := make(chan time.Time, int(rate*length.Seconds())+1)
	if rate > 0 {
		go schedule(due, start, end, rate)
	}
	tallies := make([]tally, len(conns))
	var all sync.WaitGroup
	for i, c := range conns {
		all.Add(1)
		go func() {
			defer all.Done()
			if rate > 0 {
				tallies[i].followSchedule(c, due)
			} else {
				tallies[i].backToBack(c, end)
			}
		}()
	}
	all.Wait()
	sum := &tally{}
	for i := range tallies {
		sum.add(&tallies[i])
	}
	return sum
}

// A connection that failed is not used again: the measurement is thrown away in any case.

func (t *tally) backToBack(c *conn, end time.Time) {
	for began := time.Now(); t.errors == 0 && began.Before(end); began = time.Now() {
		err := c.roundTrip()
		t.record(time.Since(began), err)
	}
}

func (t *tally) followSchedule(c *conn, due <-chan time.Time) {
	for instant := range due {
		err := c.roundTrip()
		t.record(time.Since(instant), err)
		if err != nil {
			return
		}
	}
}

// schedule announces each request at its instant. It owns a thread, because Go's own timers are late by up to 1 ms.
func schedule(due chan<- time.Time, start, end time.Time, rate float64) {
	runtime.LockOSThread()
	defer close(due)
	// Without this the requests leave a little late, which the latencies show.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, prSetTimerSlack, 1, 0, 0, 0, 0)
	gap := time.Duration(float64(time.Second) / rate)
	shift := rand.New(rand.NewPCG(1, 2))
	for slot := start; slot.Before(end); slot = slot.Add(gap) {
		instant := slot
		if gap > tick {
			instant = slot.Add(time.Duration(shift.Int64N(int64(tick))))
		}
		if left := time.Until(instant); left > 0 {
			pause := syscall.NsecToTimespec(int64(left))
			_ = syscall.Nanosleep(&pause, nil)
		}
		due <- instant
	}
}
