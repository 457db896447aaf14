package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"bulkdelete/internal/sandbox"
	"bulkdelete/internal/text"
	"bulkdelete/pkg/chunker"
	"bulkdelete/pkg/client"
	"bulkdelete/pkg/job"
	"bulkdelete/pkg/who"
)

// sandboxOptions are the flags of sandbox.
type sandboxOptions struct {
	inputOptions
	users, addr, cert, key, faults, unknown string
	public                                  bool
	limit                                   float64
}

func (o *sandboxOptions) flags() []cli.Flag {
	return append(o.inputOptions.flags(),
		word(&o.users, apiFlags, "users", "", "`FILE`: CSV of the users that exist in the sandbox"),
		word(&o.addr, apiFlags, "addr", "127.0.0.1:8080", "`ADDR`: loopback unless --public"),
		toggle(&o.public, apiFlags, "public", "any address: for private networks, its secret is none"),
		word(&o.cert, apiFlags, "tls-cert", "", "`FILE`: serve https with this certificate"),
		word(&o.key, apiFlags, "tls-key", "", "`FILE`: the certificate's private key"),
		word(&o.faults, apiFlags, "faults", "", "`SPEC`: what goes wrong: all=25%,seed=7; bulkdelete help faults"),
		word(&o.unknown, apiFlags, "unknown", "success", "`HOW`: success, not-found, partial or partial-422"),
		&cli.FloatFlag{Destination: &o.limit, Category: apiFlags, Name: "limit", HideDefault: true,
			Usage: "`R`: calls a second before it answers 429", Sources: sources("limit")},
	)
}

func sandboxCommand() *cli.Command {
	var o sandboxOptions
	return &cli.Command{
		Name:  "sandbox",
		Usage: "serve an imitation of the GenAuth API for rehearsals",
		Description: `Examples: rehearse against 5% throttling and 2% errors; in a container
   bulkdelete sandbox --users users.csv --faults 429=5%,503=2%
   bulkdelete sandbox --public --addr :8443 --tls-cert FILE --tls-key FILE`,
		Flags: o.flags(),
		Action: func(ctx context.Context, c *cli.Command) error {
			k, err := newConsole(c, outputOptions{logLevel: "info"})
			if err != nil {
				return err
			}
			return o.serve(ctx, k)
		},
	}
}

func (o *sandboxOptions) serve(ctx context.Context, k *console) error {
	if err := checkAddr(o.addr, o.public); err != nil {
		return err
	}
	cert, err := certificate(o.cert, o.key)
	if err != nil {
		return err
	}
	cfg := sandbox.Config{Unknown: o.unknown, RateLimit: o.limit, IDType: o.idType}
	stop := k.whileSlow("making the users of " + o.users)
	if o.users != "" {
		input, err := job.OpenInput(o.users)
		if err != nil {
			return err
		}
		defer input.Close()
		if err = o.seed(ctx, &cfg, input); err != nil {
			return err
		}
	}
	server, listener, err := newSandbox(cfg, o.faults, o.addr)
	stop()
	if err != nil {
		return err
	}
	return serveUntil(ctx, k.out, server, listener, cert)
}

// seed lets the users exist that a file names.
func (o *sandboxOptions) seed(ctx context.Context, cfg *sandbox.Config, input *job.Input) error {
	c, err := o.chunking()
	if err != nil {
		return err
	}
	plan, err := chunker.Scan(ctx, input.Reader(), c, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", o.users, err)
	}
	cfg.Members, cfg.Users = usersOf(plan, input, nil)
	return nil
}

// checkAddr keeps the sandbox, whose credentials are in its source, from being reached by accident.
func checkAddr(addr string, public bool) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return job.Fail(job.Usage, "for example --addr 127.0.0.1:8080", "--addr %q is not an address and a port", addr)
	}
	if ip := net.ParseIP(host); public || host == "localhost" || ip != nil && ip.IsLoopback() {
		return nil
	}
	return job.Fail(job.Usage, "for example --addr 127.0.0.1:8080; on a private network of containers, --public allows it",
		"--addr %q is not a loopback address", addr)
}

// certificate reads the server's certificate; nil: plain http.
func certificate(cert, key string) (*tls.Config, error) {
	if cert == "" && key == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// serveUntil serves until ctx ends, and then says who is left.
func serveUntil(ctx context.Context, out io.Writer, server *sandbox.Server,
	listener net.Listener, cert *tls.Config) error {
	scheme, began := "http", server.Len()
	root := listener.Addr().String()
	if cert != nil {
		scheme, listener = "https", tls.NewListener(listener, cert)
	}
	fmt.Fprintf(out, `%d users at %[2]s://%[3]s; stop it with Ctrl-C. In another terminal:
  export GENAUTH_HOST=%[2]s://%[3]s
  export %s=%s
  export %s=%s
`, began, scheme, root, credentialID, sandbox.AccessKeyID, credentialSK, sandbox.AccessKeySecret)
	stop := serve(listener, server)
	<-ctx.Done()
	if err := stop(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "%s\n", text.Of(server.Len(), began, "user", "is left", "are left"))
	return err
}

// serve answers on a listener until stop is called, which waits for the end.
func serve(on net.Listener, handler http.Handler) (stop func() error) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		server.Serve(on) // ends with ErrServerClosed
	}()
	return func() error { err := server.Close(); <-ended; return err }
}

func newSandbox(cfg sandbox.Config, faults, addr string) (*sandbox.Server, net.Listener, error) {
	var err error
	if cfg.Faults, err = sandbox.ParseFaults(faults); err != nil {
		return nil, nil, err
	}
	server, err := sandbox.New(cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("the sandbox cannot be made: %w", err)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, nil, fmt.Errorf("the sandbox cannot listen: %w", err)
	}
	return server, listener, nil
}

// startSandbox serves an embedded sandbox over a loopback socket: the client is the same as for the real API.
func (o *operation) startSandbox(cfg sandbox.Config) error {
	cfg.UserPool = o.userPool
	defer o.console.whileSlow("making the sandbox's users")()
	server, listener, err := newSandbox(cfg, o.faults, "127.0.0.1:0")
	if err != nil {
		return err
	}
	o.close = append(o.close, serve(listener, server))
	o.config.Host = "http://" + listener.Addr().String()
	o.config.AccessKeyID, o.config.AccessKeySecret = sandbox.AccessKeyID, client.Secret(sandbox.AccessKeySecret)
	return nil
}

// members are those of a user in the sandbox that columns of a file give, by what the columns hold.
var members = map[string]string{who.Email: "email", who.Phone: "phone", who.Name: "name", who.Username: "username",
	who.ExternalID: "externalId"}

// profileMembers are further ones, whose columns are called as they are: a file can say who is suspended.
var profileMembers = []string{"status", "createdAt", "lastLogin", "statusChangedAt"}

// usersOf streams the plan's accepted IDs, each with what the file's other columns say of the user, but for who is
// gone; gone may be nil.
func usersOf(plan *chunker.Plan, input *job.Input, gone func(chunk, place int) bool) (
	names []string, users iter.Seq2[string, []string],
) {
	var columns []int
	for _, c := range job.ComparableColumns(plan) {
		names, columns = append(names, members[c.Field]), append(columns, c.Column)
	}
	for i, header := range plan.Cells(string(plan.HeaderRaw)) {
		if slices.Contains(profileMembers, header) {
			names, columns = append(names, header), append(columns, i)
		}
	}
	return names, func(yield func(string, []string) bool) {
		for row, err := range plan.All(input.Reader()) {
			if err != nil {
				return
			}
			if row.Code != "" || gone != nil && gone(row.Chunk, row.Place) {
				continue
			}
			var values []string
			if len(columns) > 0 {
				cells := plan.Cells(string(row.Raw))
				for _, c := range columns {
					values = append(values, cells[c])
				}
			}
			if !yield(string(row.ID), values) {
				return
			}
		}
	}
}
