package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/report/triage"
)

type collectOptions struct {
	source       sourceOptions
	path         string
	force        bool
	hash         bool
	noHash       bool
	messages     bool
	noMessages   bool
	backup       bool
	rootkits     bool
	exclude      string
	since, until string
	clamav       string
	maxFile      string
	hashImage    bool
	zone         zoneOptions
}

func newCollectCommand(a *app) *cobra.Command {
	var opts collectOptions
	cmd := &cobra.Command{
		Use:   "collect IMAGE... -o HOST.tar.gz",
		Short: "Copy what an investigation needs from the image into one tarball, as a triage script does",
		Long: `Copy what an investigation looks at first from a server's image into one tarball:
all that deadbox itself reads (logs, histories, accounts, keys, crontabs, what
starts by itself), the whole of /etc, records of packages, lists of kernel modules,
logs and configurations of web, database, proxy, FTP and mail servers, scripts and
programs of web roots and of /tmp, /var/tmp, /dev/shm. The layout is that of UAC:

  [root]/...                 the files at their own paths, with owners, modes, times
  bodyfile/bodyfile.txt      the times of every file, as The Sleuth Kit's "fls -m"
  0_ERRORS.txt               what could not be read, each with its reason and place
  1_TREE.txt                 every name of the server's tree
  manifest.jsonl             each file's inode, times, SHA-256, place on the image
  hash_executables/          SHA-256, SHA-1 and MD5 of every program
  collection.json            evidence, options, host, counts, what was left out

The tarball holds secrets as the image does: /etc/shadow, private keys, histories.
Keep it like the image. It can be given to deadbox in place of an image.

Rotated logs are taken if they reach into the year before the server's last
activity; --since and --until choose other times. The same image and options give
the same bytes. "-o -" writes to standard output; a name that ends in .tar is not
packed.` + collectExit,
		Example: `  deadbox collect disk.dd -o web01.tar.gz
  deadbox collect disk.dd -o web01.tar.gz --no-hash --since 2026-01-01
  deadbox collect disk.dd -o web01.tar.gz --backup --rootkits
  deadbox collect disk.dd -o - | tar -tzf -`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runCollect(cmd.Context(), a, &opts, args) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&opts.path, "output", "o", "", "the `tarball` to write; - is standard output")
	flags.BoolVar(&opts.force, "force", false, "replace the tarball if it exists; never the evidence")
	flags.BoolVar(&opts.hash, "hash", true, "hash every program")
	flags.BoolVar(&opts.noHash, "no-hash", false, "do not: the programs are not read")
	flags.BoolVar(&opts.messages, "messages", true, "take the system's own logs: syslog, messages, kernel, journal")
	flags.BoolVar(&opts.noMessages, "no-messages", false, "do not: only the logs of logins and of servers")
	flags.BoolVar(&opts.backup, "backup", false, "take all configurations, web roots and temporary directories whole")
	flags.StringVar(&opts.exclude, "exclude", "", "a `file` with paths or patterns to leave out with all below them, one a line")
	flags.StringVar(&opts.since, "since", "", "leave out rotated logs that end before this `time`; \"all\" takes them however old\n(default: one year before the server's last activity)")
	flags.StringVar(&opts.until, "until", "", "leave out rotated logs that begin after this `time`")
	flags.StringVar(&opts.clamav, "clamav", "", "show collected files and programs to the clamd at this `address`: a socket's path,\nor HOST:PORT")
	flags.BoolVar(&opts.rootkits, "rootkits", false, "look for traces of rootkits, as chkrootkit and rkhunter do")
	flags.StringVar(&opts.maxFile, "max-file", "2G", "leave out files of more `bytes`, and say so; K, M, G are 1024s")
	flags.BoolVar(&opts.hashImage, "hash-image", false, "put the SHA-256 of the images into collection.json: they are read whole")
	opts.source.addFlags(cmd, false)
	opts.zone.addFlags(cmd)
	cmd.MarkFlagRequired("output")
	return cmd
}

var collectExit = strings.Replace(exitStatus(exitDone, exitFindings, exitUsage, exitPartial, exitFailed),
	exitMeanings[exitFindings], "done, and --clamav or --rootkits found something", 1)

// triageOptions turns the flags into options.
func (opts *collectOptions) triageOptions() (triage.Options, error) {
	o := triage.Options{
		Hash: opts.hash && !opts.noHash, Messages: opts.messages && !opts.noMessages, Backup: opts.backup, Rootkits: opts.rootkits,
		ClamAV: opts.clamav, Tool: "deadbox " + toolVersion(), Plain: strings.HasSuffix(opts.path, ".tar"),
	}
	var err error
	if o.MaxFile, err = parseBytes(opts.maxFile); err != nil || o.MaxFile == 0 {
		return o, usagef("--max-file %q: want bytes, like 500M or 2G", opts.maxFile)
	}
	if opts.exclude != "" {
		f, err := os.Open(opts.exclude)
		if err != nil {
			return o, err
		}
		defer f.Close()
		if o.Exclude, err = triage.ReadPatterns(f); err != nil {
			return o, usagef("%s: %v", opts.exclude, err)
		}
	}
	return o, nil
}

// parseBytes reads a size.
func parseBytes(s string) (int64, error) {
	digits := strings.TrimRight(s, "BKMGTbkmgt")
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, err
	}
	unit := s[len(digits):]
	shift, ok := map[string]uint{"": 0, "K": 10, "M": 20, "G": 30, "T": 40}[strings.TrimSuffix(strings.ToUpper(unit), "B")]
	if !ok || n < 0 || n > 1<<62>>shift {
		return 0, errors.New("no size")
	}
	return n << shift, nil
}

func runCollect(ctx context.Context, a *app, opts *collectOptions, images []string) error {
	o, err := opts.triageOptions()
	if err != nil {
		return err
	}
	if opts.path == "-" && a.outTerminal {
		return withHint(usagef("a tarball is not for the terminal"), "give -o a file, or pipe it on")
	}
	ev, err := opts.source.open(ctx, a, images...)
	if err != nil {
		return err
	}
	defer ev.close()
	if len(ev.mounts) == 0 {
		return ev.nothingToRead()
	}
	h, err := ev.server(ctx)
	if err != nil {
		return err
	}
	for _, err := range ev.openProblems() {
		a.note(err.Error()) // what concerns the collection is in its own errors
	}
	for _, n := range append(ev.openNotes(), h.Notes...) {
		a.note(n)
	}
	if opts.since == "all" {
		o.AllLogs, opts.since = true, ""
	}
	if opts.since != "" || opts.until != "" {
		zone, err := ev.zone(ctx, &opts.zone)
		if err != nil {
			return err
		}
		if _, _, err := timeRange(opts.since, opts.until, zone); err != nil {
			return usagef("%s", strings.NewReplacer("--from", "--since", "--to", "--until").Replace(err.Error()))
		}
		if opts.since != "" {
			o.Since, _, _ = parseTime(opts.since, zone)
		}
		if opts.until != "" {
			t, step, _ := parseTime(opts.until, zone)
			o.Until = step(t)
		}
	}
	if o.Images, err = ev.triageImages(ctx, opts.hashImage); err != nil {
		return err
	}
	out, err := a.createTarball(opts, ev)
	if err != nil {
		return err
	}
	o.Begin = func(label string, total int64, names bool) {
		if names {
			a.people.begin(label, total, unitNames)
			return
		}
		a.people.begin(label, total, unitBytes)
	}
	o.Progress = a.people.add
	w := bufio.NewWriterSize(out, 256<<10)
	res, err := triage.Collect(ctx, h, w, o)
	if flushErr := w.Flush(); err == nil {
		err = flushErr
	}
	a.people.end()
	if err = out.end(err); err != nil {
		return err
	}
	return a.sayCollected(res, opts)
}

// sayCollected says what the collection came to.
func (a *app) sayCollected(res *triage.Result, opts *collectOptions) error {
	for i := range res.Failures {
		a.damage("", &res.Failures[i])
	}
	a.note(fmt.Sprintf("%s of %s collected; %s hashed; %s in the tree", plural(res.Files, "file", "files"), report.Bytes(res.Bytes),
		plural(res.Programs, "program", "programs"), plural(res.Names, "name", "names")))
	if n := len(res.Omitted); n > 0 {
		why := "collection.json lists them"
		if !res.Since.IsZero() {
			why = "rotated logs that end before " + res.Since.UTC().Format(time.DateOnly) + " among them; " + why
		}
		a.note(fmt.Sprintf("%s left out by option: %s", plural(n, "file", "files"), why))
	}
	for _, s := range res.Infected {
		a.warn("clamd: " + s)
	}
	for _, t := range res.Rootkits {
		a.warn("rootkits: " + t.Check + ": " + t.Path + ": " + t.Why)
	}
	if len(res.Infected)+len(res.Rootkits) > 0 {
		return errFindings
	}
	return nil
}

// triageImages describes the evidence for the collection.
func (ev *evidence) triageImages(ctx context.Context, hash bool) ([]triage.Image, error) {
	var out []triage.Image
	for _, d := range ev.disks {
		im := triage.Image{Path: d.name}
		if d.image != nil {
			im.Size = d.image.Size()
			if hash {
				ev.app.people.begin("hashing "+d.name, im.Size, unitBytes)
				sum := sha256.New()
				if err := hashImage(ctx, ev.app, sum, d.image, im.Size); err != nil {
					return nil, fmt.Errorf("--hash-image: %s: %w", d.name, err)
				}
				im.SHA256 = hex.EncodeToString(sum.Sum(nil))
			}
		}
		out = append(out, im)
	}
	return out, nil
}

func hashImage(ctx context.Context, a *app, w io.Writer, r io.ReaderAt, size int64) error {
	buf := make([]byte, 1<<20)
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		p := buf[:min(int64(len(buf)), size-at)]
		n, err := r.ReadAt(p, at)
		if n < len(p) {
			return orElseError(err, io.ErrUnexpectedEOF)
		}
		w.Write(p)
		at += int64(n)
		a.people.add(int64(n))
	}
	return nil
}

func orElseError(err, other error) error {
	if err == nil || err == io.EOF {
		return other
	}
	return err
}

// tarball is the output of collect: it has its name only once it is whole.
type tarball struct {
	io.Writer
	file        *os.File // nil for standard output
	path, final string
}

// createTarball makes the file to write to.
func (a *app) createTarball(opts *collectOptions, ev *evidence) (*tarball, error) {
	if opts.path == "-" {
		a.showProgress(&output{})
		return &tarball{Writer: a.stdout}, nil
	}
	if err := refuseEvidence(opts.path, ev.files()); err != nil {
		return nil, err
	}
	if info, err := os.Stat(opts.path); err == nil {
		switch {
		case info.IsDir():
			return nil, usagef("%s is a folder; -o wants the name of the tarball", opts.path)
		case !opts.force:
			return nil, withHint(usagef("%s exists", opts.path), "--force replaces it")
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	part := opts.path + ".partial"
	file, err := createOutput(part, opts.force, ev.files())
	if err != nil {
		return nil, err
	}
	a.showProgress(&output{file: file})
	return &tarball{Writer: file, file: file, path: part, final: opts.path}, nil
}

// end gives the tarball its name, or says that it is not whole.
func (t *tarball) end(err error) error {
	if t.file == nil {
		if err != nil && !isBrokenPipe(err) {
			return withHint(err, "what was written to standard output is not whole")
		}
		return err
	}
	if closeErr := t.file.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		return os.Rename(t.path, t.final)
	}
	if info, statErr := os.Stat(t.path); statErr == nil && info.Size() == 0 {
		os.Remove(t.path)
		return err
	}
	return withHint(err, t.path+" holds what was collected before; it is not whole")
}
