package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"deadbox/fs/host"
	"deadbox/report"
	"deadbox/timeline"
	"deadbox/timeline/carved"
)

type carveOptions struct {
	recordOptions
	kinds []string
	dir   string
	list  bool
}

// carvedManifest is the list of what -o wrote.
const carvedManifest = "carved.jsonl"

func newCarveCommand(a *app) *cobra.Command {
	var opts carveOptions
	cmd := &cobra.Command{
		Use:   "carve IMAGE...",
		Short: "Find what was deleted by what it looks like: lines of logs, logins, programs, archives, keys",
		Long: `Find what was deleted by what it looks like, in the bytes that no file owns:
unallocated blocks, slack (behind the end of files), the journal, swap, gaps
between partitions.

Lines of logs, histories, crontabs and records of logins are read as the live
ones are, and are records of the same kinds, with the field "recovered". What also
stands in one of the server's own logs is not listed; what was found in several
places is listed once, with "copies". A line by itself does not say in which file it
stood, and if it has no year, only the latest that is possible is known.

Programs, scripts, archives and databases are listed with their length and how
their end is known; -o writes them. Of private keys only kind and place are said.

A volume whose file system cannot be read is searched as a whole. The Sleuth Kit's
blkls copies the same blocks, for other programs to search.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox carve --list
  deadbox carve disk.dd | less
  deadbox carve disk.dd --kind syslog,utmp,shell-history --format jsonl
  deadbox carve disk.dd --kind elf,script,php,gzip -o carved`,
		Args: func(cmd *cobra.Command, args []string) error {
			if opts.list {
				return nil
			}
			return imageArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runCarve(cmd.Context(), a, &opts, args) },
	}
	kinds := carved.Kinds()
	flags := cmd.Flags()
	flags.StringSliceVar(&opts.kinds, "kind", nil, "only these `kinds`, as --list names them")
	flags.BoolVar(&opts.list, "list", false, "show every kind that can be found; no image is needed")
	cmd.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp))
	opts.addFlags(cmd, true)
	// The data always goes to standard output; -o is where files go, and nothing is overwritten.
	o := flags.Lookup("output")
	o.Usage, o.Value = "write the files that are found, and "+carvedManifest+", into this `folder`;\nnothing that exists is overwritten", newStringValue(&opts.dir)
	flags.Lookup("force").Hidden = true
	return cmd
}

// stringValue is the value of a flag.
type stringValue struct{ p *string }

func newStringValue(p *string) *stringValue { return &stringValue{p} }
func (v *stringValue) String() string       { return *v.p }
func (v *stringValue) Set(s string) error   { *v.p = s; return nil }
func (v *stringValue) Type() string         { return "string" }

func runCarve(ctx context.Context, a *app, opts *carveOptions, sources []string) error {
	known := carved.Kinds()
	for _, k := range opts.kinds {
		if !slices.Contains(known, k) {
			return withHint(usagef("no kind %q", k), "deadbox carve --list shows the kinds: "+strings.Join(known, ", "))
		}
	}
	if opts.list {
		return a.withOutput(&opts.output, nil, func(o *output) error {
			for _, k := range known {
				if o.format == formatJSONL {
					if err := o.json(struct {
						Kind string `json:"kind"`
					}{k}); err != nil {
						return err
					}
					continue
				}
				o.WriteString(k + "\n")
			}
			return nil
		})
	}
	return a.withCarved(ctx, opts, sources)
}

// withCarved is withRecords where there need not be a file system.
func (a *app) withCarved(ctx context.Context, opts *carveOptions, sources []string) error {
	r, err := a.openRecorder(ctx, &opts.recordOptions, sources)
	if err != nil {
		return err
	}
	defer r.ev.close()
	return a.withOutput(&opts.output, r.ev, func(o *output) error {
		r.o = o
		r.ev.reportDamage()
		if o.format == formatCSV {
			o.WriteString(report.ArtifactHeader)
		}
		r.row.Kind, r.row.KindWidth = true, len("shell-history")
		areas := r.ev.carvedAreas(ctx)
		total := int64(0)
		for _, x := range areas {
			total += x.Size()
		}
		options := carved.Options{Kinds: opts.kinds}
		a.people.begin("carving", total, unitBytes)
		options.Progress = func(done int64) { a.people.set(done) }
		var w *carvedWriter
		if opts.dir != "" {
			var err error
			if w, err = newCarvedWriter(opts.dir, r.ev.files()); err != nil {
				return err
			}
			defer w.close()
			options.File = func(rec *timeline.Record, kind string, data *io.SectionReader) (string, error) {
				if !r.wants(rec) {
					return "", nil
				}
				return w.file(rec, kind, data)
			}
		}
		for rec, err := range carved.Records(ctx, r.host, areas, options) {
			if err != nil {
				if ctx.Err() == nil {
					a.damage("", err)
				}
				continue
			}
			if !r.wants(&rec) {
				continue
			}
			if err := r.write(&rec); err != nil {
				return err
			}
			if w != nil {
				if err := w.list(&rec); err != nil {
					return err
				}
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if w != nil {
			return w.finish()
		}
		return nil
	})
}

// carvedAreas are the parts of the evidence that no file owns.
func (ev *evidence) carvedAreas(ctx context.Context) []*carved.Area {
	var out []*carved.Area
	for _, m := range ev.mounts {
		if d := ev.disk(m.Image); d == nil || d.image == nil {
			continue // of a tree only its files are there
		}
		areas, errs := carved.AreasOf(ctx, m, counted{&rawReader{ev, m}, &ev.read})
		for _, err := range errs {
			ev.app.damage("", err)
		}
		out = append(out, areas...)
	}
	for _, v := range ev.volumes() {
		name := ""
		switch {
		case v.Container || ev.mountOf(v.Volume) != nil || ev.memberOf(v) != "":
		case v.Found.Kind == "swap":
			name = carved.Swap
		case v.disk == nil:
		case ev.failed[v.Slot] != nil || v.Allocated && v.Found.Kind == "":
			name = carved.Volume
		case !v.Allocated:
			name = carved.Gap
		}
		length := v.Length - v.Missing
		if name == "" || length <= 0 {
			continue
		}
		if v.disk == nil {
			m := &host.Mount{Image: imageOf(v.Volume), Volume: *v.Volume}
			x := carved.Raw(name, m.Image, v.Slot, counted{v.Reader(nil), &ev.read}, 0, length)
			x.Place = m.PlaceRange
			out = append(out, x)
			continue
		}
		out = append(out, carved.Raw(name, v.disk.name, v.Slot, counted{v.Reader(v.disk.image), &ev.read}, v.Offset, length))
	}
	return out
}

// carvedWriter writes what was found into a folder.
type carvedWriter struct {
	root     *os.Root
	manifest *os.File
	line     []byte
}

func newCarvedWriter(dir string, evidence []string) (*carvedWriter, error) {
	if err := refuseEvidence(dir, evidence); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	m, err := root.OpenFile(carvedManifest, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		root.Close()
		if errors.Is(err, fs.ErrExist) {
			return nil, withHint(usagef("%s holds %s already", dir, carvedManifest), "choose another folder: nothing is overwritten")
		}
		return nil, err
	}
	return &carvedWriter{root: root, manifest: m}, nil
}

// carvedEnds are the ends of the names of files, by their kinds.
var carvedEnds = map[string]string{"gzip": "gz", "bzip2": "bz2", "zstd": "zst", "sqlite-page": "page", "script": "txt", "php": "php.txt"}

// file writes one file, without a right to run it, under a name made of its place.
func (w *carvedWriter) file(rec *timeline.Record, kind string, data *io.SectionReader) (string, error) {
	end := carvedEnds[kind]
	if end == "" {
		end = kind
	}
	slot := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '.' || c == '-' {
			return c
		}
		return '_'
	}, rec.Evidence.Volume)
	name := fmt.Sprintf("%s-%014d.%s", strings.TrimLeft(slot, "."), max(rec.Evidence.Offset, 0), end)
	f, err := w.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return "", fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = io.Copy(f, data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return name, fmt.Errorf("writing %s: %w", name, err)
	}
	return name, nil
}

func (w *carvedWriter) list(rec *timeline.Record) error {
	w.line = report.AppendArtifact(w.line[:0], rec)
	_, err := w.manifest.Write(w.line)
	return err
}

func (w *carvedWriter) finish() error {
	err := w.manifest.Close()
	w.manifest = nil
	return err
}

func (w *carvedWriter) close() {
	if w.manifest != nil {
		w.manifest.Close()
	}
	w.root.Close()
}
