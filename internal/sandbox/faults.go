package sandbox

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Faults say how often what goes wrong. Which call meets which fault is drawn from Seed.
type Faults struct {
	Seed    uint64
	Latency time.Duration
	Jitter  time.Duration     // more latency, up to that
	Shares  map[Fault]float64 // 0 to 1 of all calls
}

// Fault is one way in which a call goes wrong.
type Fault string

// The faults. Where one can strike before or after the call was carried out, both happen.
const (
	Throttle     Fault = "429"            // refused for being too many
	HTTP500      Fault = "500"            // server error, as HTTP status
	HTTP502      Fault = "502"            // gateway's error, as HTTP status
	HTTP503      Fault = "503"            // maintenance, as HTTP status
	Body500      Fault = "body500"        // server error with HTTP status 200
	HTML502      Fault = "html502"        // a gateway's page
	HTML200      Fault = "html200"        // a portal's page with HTTP status 200; not carried out
	Redirect     Fault = "redirect"       // to a page that looks like success; not carried out
	CutBefore    Fault = "cut-before"     // connection cut; not carried out
	CutAfter     Fault = "cut-after"      // connection cut after it was carried out
	Truncate     Fault = "truncate"       // answer cut in the middle
	Empty        Fault = "empty"          // HTTP status 200 and no body
	Hang         Fault = "hang"           // no answer until the client goes, or two seconds
	SuccessFalse Fault = "success-false"  // statusCode 200 with data.success false; not carried out
	NoData       Fault = "no-data"        // statusCode 200 without data
	Strings      Fault = "string-numbers" // all is well, but numbers are strings
	Half         Fault = "half"           // half of a batch carried out, then a server error
)

var faults = []Fault{Throttle, HTTP500, HTTP502, HTTP503, Body500, HTML502, HTML200, Redirect,
	CutBefore, CutAfter, Truncate, Empty, Hang, SuccessFalse, NoData, Strings, Half}

const hangFor = 2 * time.Second

// ParseFaults reads a list such as "latency=20ms,jitter=10ms,429=5%,cut-after=2%,seed=7". all=25% shares 25% out
// evenly.
func ParseFaults(s string) (Faults, error) {
	f := Faults{Shares: map[Fault]float64{}}
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		name, value, _ := strings.Cut(word, "=")
		if err := f.set(name, value); err != nil {
			return f, fmt.Errorf("%q: %w", word, err)
		}
	}
	sum := 0.0
	for _, share := range f.Shares {
		sum += share
	}
	if sum > 1+1e-9 {
		return f, fmt.Errorf("the shares add up to %.0f%%", 100*sum)
	}
	return f, nil
}

func (f *Faults) set(name, value string) (err error) {
	switch name {
	case "seed":
		f.Seed, err = strconv.ParseUint(value, 10, 64)
		return err
	case "latency":
		f.Latency, err = time.ParseDuration(value)
		return err
	case "jitter":
		f.Jitter, err = time.ParseDuration(value)
		return err
	}
	share, err := strconv.ParseFloat(strings.TrimSuffix(value, "%"), 64)
	if strings.HasSuffix(value, "%") {
		share /= 100
	}
	if err != nil || math.IsNaN(share) || share < 0 || share > 1 {
		return errors.New("give a share such as 5%")
	}
	if name == "all" {
		for _, fault := range faults {
			f.Shares[fault] = share / float64(len(faults))
		}
		return nil
	}
	if !slices.Contains(faults, Fault(name)) {
		return fmt.Errorf("there is no such fault: give latency, jitter, seed, all, or one of %v", faults)
	}
	f.Shares[Fault(name)] = share
	return nil
}

// draw chooses the next call's fault ("" for none), whether it strikes after the call was carried out, and its latency.
func (s *Server) draw() (f Fault, late bool, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.random.Float64()
	late = s.random.Uint64()&1 == 1
	delay = s.cfg.Faults.Latency
	if j := s.cfg.Faults.Jitter; j > 0 {
		delay += time.Duration(s.random.Int64N(int64(j)))
	}
	for _, fault := range faults {
		if u -= s.cfg.Faults.Shares[fault]; u < 0 {
			return fault, late, delay
		}
	}
	return "", late, delay
}

// pause waits, and is false if the client went meanwhile.
func pause(r *http.Request, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// outcome is a call on its way to an answer.
type outcome struct {
	server *Server
	w      http.ResponseWriter
	r      *http.Request
	q      *request
	work   func() answer
}

func (o *outcome) write(a answer) { o.server.write(o.w, o.q, a) }

// cut ends the connection without an answer.
func (o *outcome) cut() { panic(http.ErrAbortHandler) }

// with answers the call with a fault.
func (o *outcome) with(f Fault, late bool) {
	switch f {
	case Throttle:
		o.write(answer{http: 429, status: 429, message: "too many requests"})
		return
	case HTML200:
		o.page(200, "<html><body>Welcome to the portal. Success.</body></html>")
		return
	case Redirect:
		http.Redirect(o.w, o.r, landingPage, http.StatusFound)
		return
	case CutBefore:
		o.cut()
	case SuccessFalse:
		o.write(answer{status: 200, data: map[string]any{"success": false}})
		return
	case Half:
		o.q.half = true
		o.work()
		o.write(answer{status: 500, message: "something went wrong on the way"})
		return
	case CutAfter, Truncate, Empty, NoData, Strings, "":
		late = true
	}
	var a answer
	if late {
		a = o.work()
	}
	o.late(f, a)
}

// late is a fault that hides what was done, if anything.
func (o *outcome) late(f Fault, a answer) {
	switch f {
	case HTTP500, HTTP502, HTTP503:
		code, _ := strconv.Atoi(string(f))
		o.write(answer{http: code, status: code, message: "something went wrong"})
	case Body500:
		o.write(answer{status: 500, message: "something went wrong"})
	case HTML502:
		o.page(502, "<html><body><h1>502 Bad Gateway</h1></body></html>")
	case CutAfter:
		o.cut()
	case Hang:
		pause(o.r, hangFor)
		o.cut()
	case Truncate:
		body := o.server.envelope(o.w, o.q, a)
		o.w.Write(body[:len(body)/2])
		if fl, ok := o.w.(http.Flusher); ok {
			fl.Flush()
		}
		o.cut()
	case Empty:
		o.w.WriteHeader(http.StatusOK)
	case NoData:
		a.data = nil
		o.write(a)
	case Strings:
		body, status := string(o.server.envelope(o.w, o.q, a)), strconv.Itoa(a.status)
		io.WriteString(o.w, strings.Replace(body, `"statusCode":`+status, `"statusCode":"`+status+`"`, 1))
	default:
		o.write(a)
	}
}

func (o *outcome) page(code int, text string) {
	o.w.Header().Set("Content-Type", "text/html")
	o.w.WriteHeader(code)
	io.WriteString(o.w, text)
}
