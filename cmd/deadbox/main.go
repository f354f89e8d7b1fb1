// Deadbox examines the disk of a Linux server after a break-in, offline, and
// says what happened.
package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
	_ "time/tzdata" // --tz works on a machine without a zone database

	"golang.org/x/term"

	"deadbox/report"
)

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// run is the program with everything that it needs of the process handed in.
// It gives the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// A write to a closed pipe shall be an error that can be looked at, not
	// the end of the process.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second interrupt ends the process at once
	}()

	a := newApp(stdout, stderr, os.Getenv)
	a.args = args
	root := newRootCommand(a)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	return a.finish(root.ExecuteContext(ctx))
}

// app is what all commands share.
type app struct {
	stdout io.Writer
	people *progress // standard error; the line of progress and the messages share it
	env    func(string) string
	args   []string // of the command line

	outTerminal bool // standard output is a terminal

	// Global flags.
	noColor bool
	quiet   bool
	verbose bool
	jobs    int
	// noReplay: a journal that a mount would replay is left alone.
	noReplay bool

	damaged   int // places that could not be read
	unsaid    int // of these, the ones that were not printed
	lastNotes map[string]bool
}

func newApp(stdout, stderr io.Writer, env func(string) string) *app {
	a := &app{stdout: stdout, env: env, jobs: runtime.NumCPU(), lastNotes: map[string]bool{}}
	_, a.outTerminal = terminal(stdout)
	fd, errTerminal := terminal(stderr)
	width := func() int {
		w, _, err := term.GetSize(fd)
		if err != nil {
			return 80
		}
		return w
	}
	a.people = newProgress(stderr, errTerminal && env("TERM") != "dumb", time.Now, width)
	return a
}

func terminal(w io.Writer) (fd int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile {
		return -1, false
	}
	fd = int(f.Fd())
	return fd, term.IsTerminal(fd)
}

// maxDamageLines is how many places of damage are printed one by one, unless
// -v asks for all.
const maxDamageLines = 20

// damage says that a place of the evidence could not be read, and remembers
// it for the exit code. What names the thing that the error is about, "" if
// the error does.
func (a *app) damage(what string, err error) {
	if errors.Is(err, context.Canceled) {
		return // the user's doing; the command ends with it
	}
	a.damaged++
	if a.damaged > maxDamageLines && !a.verbose {
		a.unsaid++
		return
	}
	a.warn(join(what, err.Error()))
}

// note tells the user something that -q silences; the same note only once.
func (a *app) note(text string) {
	if a.quiet || a.lastNotes[text] {
		return
	}
	a.lastNotes[text] = true
	a.say(text)
}

// warn tells the user something that not even -q silences.
func (a *app) warn(text string) { a.say(text) }

// detail tells the user something that only -v asks for.
func (a *app) detail(text string) {
	if a.verbose {
		a.say(text)
	}
}

func (a *app) say(text string) {
	io.WriteString(a.people, "deadbox: "+report.Text(text)+"\n")
}

func join(what, text string) string {
	if what == "" {
		return text
	}
	return what + ": " + text
}

// finish says what went wrong, if anything did, and gives the exit code.
func (a *app) finish(err error) int {
	a.people.end()
	if err == nil && a.damaged > 0 {
		err = errPartial
	}
	if a.unsaid > 0 {
		a.warn(plural(a.unsaid, "more damaged place", "more damaged places") + "; -v lists them")
	}
	for _, line := range errorLines(err) {
		a.say(line)
	}
	return exitCode(err)
}

// showProgress decides whether a command draws its progress. What is written
// to the same terminal would tear the line apart.
func (a *app) showProgress(o *output) {
	a.people.on = a.people.on && !a.quiet && !(a.outTerminal && o.file == nil)
}

// color reports whether the output may be coloured.
func (a *app) color(o *output) bool {
	return o.file == nil && a.outTerminal && !a.noColor && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}
