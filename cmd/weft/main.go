// Command weft turns a shop's photos, listings and reviews into vectors that a
// recommender reads. One binary plays every role; `weft up` plays all of them.
//
// Each command is a file of its own; a long one goes on in files that begin with its name.
// Below the commands lie, wired by hand and nowhere else:
//
//	config                            where the bucket, Redis and encoders are: flags, environment
//	node, node_roles, roles           what a process shares among its tenants, and what it starts
//	tenant, tenants, seats, moved     one shop in a process; which are open; another generation
//	feeder, index, settings           the scheduler's side of a tenant
//	generation, encoderset, machine   the encoders that a generation pins, and how they run
//	fused, runtime, embed             the trained fusion that it pins, and ONNX Runtime
//	stock, catalogue, recommender     a bucket that is only read
//	running                           the process that runs over it, where there is one
//	learn_tables, learn_data          what train and evaluate read
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/pprof"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/redis/go-redis/v9"
)

// version is stamped by the Makefile.
var version = "dev"

// Exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1 // failed, or does not balance
	exitUsage  = 2 // wrong usage
)

// usageError is the caller's mistake: exit code 2.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// gcPercent lets the heap grow to three times what is in use before it is
// collected: most of a process's memory is the encoders', outside Go's heap, and
// collecting less often is worth several percent of the cores. GOGC overrides it.
const gcPercent = 200

type cli struct {
	LogLevel slog.Level       `help:"Least level to log: debug, info, warn or error." default:"info"`
	Version  kong.VersionFlag `help:"Print the version and exit."`
	Profile  string           `help:"Write a CPU profile of the whole command to this file." type:"path" placeholder:"FILE"`

	Up          upCmd          `cmd:"" help:"Run everything in one process over a directory."`
	Demo        demoCmd        `cmd:"" help:"Run the sample catalogue and draw its neighbours."`
	Scheduler   schedulerCmd   `cmd:"" help:"Run the scheduler: find what is missing or stale."`
	Worker      workerCmd      `cmd:"" help:"Run a worker: fetch, encode, fuse, publish."`
	Serve       serveCmd       `cmd:"" help:"Run the HTTP API."`
	Token       tokenCmd       `cmd:"" help:"Make a token for the HTTP API."`
	Autoscale   autoscaleCmd   `cmd:"" help:"Start and drain local workers by what waits."`
	Backlog     backlogCmd     `cmd:"" help:"What waits, in time and in workers, by tenant."`
	Drain       drainCmd       `cmd:"" help:"Let one worker finish what it has in hand and end; list the workers."`
	Pause       pauseCmd       `cmd:"" help:"Keep workers from taking further tasks of a queue."`
	Resume      resumeCmd      `cmd:"" help:"End a pause."`
	Doctor      doctorCmd      `cmd:"" help:"Check this machine, the bucket and Redis; say what to do."`
	Import      importCmd      `cmd:"" help:"Bring photos, listings, events, reviews or users into the bucket."`
	Status      statusCmd      `cmd:"" help:"What is there, what waits."`
	Get         getCmd         `cmd:"" help:"Show one product or user."`
	Similar     similarCmd     `cmd:"" help:"The nearest neighbours of a product."`
	Explain     explainCmd     `cmd:"" help:"Why a product has its score for a user."`
	Recommend   recommendCmd   `cmd:"" help:"What suits a user, or the product being viewed."`
	Export      exportCmd      `cmd:"" help:"Write vectors or features to a file."`
	Encode      encodeCmd      `cmd:"" help:"Encode texts or photos, without a bucket."`
	Train       trainCmd       `cmd:"" help:"Learn from interactions what to recommend to whom."`
	Runs        runsCmd        `cmd:"" help:"Compare trainings."`
	Evaluate    evaluateCmd    `cmd:"" help:"Measure how good the neighbours are."`
	Data        dataCmd        `cmd:"" help:"Look at shoppers' rows before and after cleaning; cut them for training."`
	Audit       auditCmd       `cmd:"" help:"Account for every object; exit 1 if it does not balance."`
	Reports     reportsCmd     `cmd:"" help:"The pages that the console shows: list, add."`
	Deadletters deadlettersCmd `cmd:"" help:"What was given up: list, show, retry, drop."`
	Rebuild     rebuildCmd     `cmd:"" help:"Fill or repair the vectors in Redis from the bucket, encoding nothing."`
	Models      modelsCmd      `cmd:"" help:"Fetch, list and verify the encoders."`
	EncodeApart encodeApartCmd `cmd:"" hidden:""`
	Bench       benchCmd       `cmd:"" help:"Measure throughput, directory to vectors."`
	BenchEvents benchEventsCmd `cmd:"" help:"Measure how soon an event is in its shopper's vector."`
}

// app is what commands need besides their flags.
type app struct {
	out io.Writer // data
	err io.Writer // progress and logs
	in  io.Reader
	log *slog.Logger
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is main with its surroundings as arguments, so that tests can call it.
func run(args []string, in io.Reader, out, errOut io.Writer) int {
	var c cli
	code := -1
	parser, err := kong.New(&c,
		kong.Name("weft"),
		kong.Description("Product and shopper vectors from photos, listings and behaviour."),
		kong.DefaultEnvars("WEFT"),
		kong.Vars{"version": version},
		kong.Writers(out, errOut),
		kong.Exit(func(n int) { code = n }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true}),
		kong.ShortUsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(errOut, "weft:", err)
		return exitFailed
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := parser.Parse(args)
	if code >= 0 { // --help or --version has answered
		return code
	}
	if err != nil {
		fmt.Fprintln(errOut, "weft:", err)
		return exitUsage
	}
	a := &app{in: in, out: out, err: errOut, log: slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: c.LogLevel}))}
	redis.SetLogger(redisLog{a.log})
	stop, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	go func() { // from the first signal on, the next one ends the process at once
		<-stop.Done()
		cancel()
	}()
	ctx.BindTo(stop, (*context.Context)(nil))
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			return failed(errOut, usageError{fmt.Errorf("--profile: %w", err)})
		}
		defer func() { pprof.StopCPUProfile(); _ = f.Close() }()
	}
	if err := ctx.Run(a); err != nil {
		return failed(errOut, err)
	}
	return exitDone
}

// redisLog takes what the Redis client has to say of its connections. Failed calls
// return their errors; this is beside them.
type redisLog struct{ log *slog.Logger }

// Printf is the client's.
func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug("redis client: " + fmt.Sprintf(format, v...))
}

// failed says why, and gives the exit code.
func failed(w io.Writer, err error) int {
	fmt.Fprintln(w, "weft:", err)
	var u usageError
	if errors.As(err, &u) {
		return exitUsage
	}
	return exitFailed
}
