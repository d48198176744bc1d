// crowds.go - many actors.
package main

import (
  "sync"
  "sync/atomic"
  "time"
)

const (
  forks     = 60
  crowd     = 120
  coarsely  = 64
  coarseFor = 50 * time.Microsecond
)

func workFor(d time.Duration) {
  for until := time.Now().Add(d); time.Now().Before(until); {
  }
}

func fjthrput(r *round) {
  var workers [forks]chan struct{}
  var left sync.WaitGroup
  left.Add(forks)
  for i := range workers {
    workers[i] = make(chan struct{}, mailbox)
    go func(in chan struct{}) {
      x := 1.5
      for n := r.ops / forks; n > 0; n-- {
        <-in
        for i := 0; i < 8; i++ {
          x = x*1.0000001 + 0.5
        }
      }
      keep(x)
      left.Done()
    }(workers[i])
  }
  r.start()
  go func() {
    for n := r.ops / forks; n > 0; n-- {
      for _, w := range workers {
        w <- struct{}{}
      }
    }
  }()
  left.Wait()
  r.finish(0)
}

var kept atomic.Uint64

// So that the compiler does not find the arithmetic useless.
func keep(x float64) { kept.Store(uint64(x)) }

// nil: an answer.
type question chan question

func big(r *round) {
  var guests [crowd]question
  var left sync.WaitGroup
  left.Add(crowd)
  for i := range guests {
    guests[i] = make(question, mailbox)
  }
  for i := range guests {
    go func(self question, random uint64) {
      n := r.ops / (2 * crowd)
      for who := range self {
        if who != nil {
          who <- nil
          continue
        }
        if n == 0 {
          left.Done()
          continue
        }
        n--
        random ^= random << 13
        random ^= random >> 7
        random ^= random << 17
        guests[random%crowd] <- self
      }
    }(guests[i], uint64(i+1)*0x9E3779B97F4A7C15)
  }
  r.start()
  for _, g := range guests {
    g <- nil
  }
  left.Wait()
  r.finish(0)
  for _, g := range guests {
    close(g)
  }
}

func makeIdlers(r *round, end bool) {
  var left atomic.Int64
  left.Store(int64(r.ops))
  done := make(chan struct{})
  r.start()
  go func() {
    for i := uint64(0); i < r.ops; i++ {
      in := make(chan bool, 1)
      go func() {
        state := uint64(0)
        for end := range in {
          state++
          if left.Add(-1) == 0 {
            close(done)
          }
          if end {
            break
          }
        }
        kept.Store(state)
      }()
      in <- end
    }
  }()
  <-done
  r.finish(0)
}

func fjcreate(r *round) { makeIdlers(r, true) }
func memory(r *round)   { makeIdlers(r, false) }

func node(parent chan uint64, first, leaves uint64) {
  if leaves == 1 {
    parent <- first
    return
  }
  self, sum := make(chan uint64, 10), uint64(0)
  for i := uint64(0); i < 10; i++ {
    go node(self, first+i*(leaves/10), leaves/10)
  }
  for i := 0; i < 10; i++ {
    sum += <-self
  }
  parent <- sum
}

func skynet(r *round) {
  out := make(chan uint64, 1)
  r.start()
  go node(out, 0, r.ops)
  r.finish(<-out)
}

func coarse(r *round) {
  var diggers [coarsely]chan struct{}
  var left sync.WaitGroup
  left.Add(coarsely)
  for i := range diggers {
    diggers[i] = make(chan struct{}, mailbox)
    go func(in chan struct{}) {
      for n := r.ops / coarsely; n > 0; n-- {
        <-in
        workFor(coarseFor)
      }
      left.Done()
    }(diggers[i])
  }
  r.start()
  for k := r.ops / coarsely; k > 0; k-- {
    for _, d := range diggers {
      d <- struct{}{}
    }
  }
  left.Wait()
  r.finish(0)
}
