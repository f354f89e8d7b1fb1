package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/timeline"
)

// Formats that more than one command writes.
const (
	formatText  = "text"
	formatJSONL = "jsonl"
)

// outputOptions are the flags of a command that writes one stream of data.
type outputOptions struct {
	format  string
	formats []string
	path    string
	force   bool
}

// addFlags defines --format with the formats given, the first being the
// default, -o and --force. A command with one format has no --format.
func (opts *outputOptions) addFlags(cmd *cobra.Command, formats ...string) {
	opts.formats = formats
	opts.format = formats[0]
	if len(formats) > 1 {
		cmd.Flags().StringVar(&opts.format, "format", formats[0], "`how` to write: "+strings.Join(formats, ", "))
		cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	}
	cmd.Flags().StringVarP(&opts.path, "output", "o", "", "write to this `file` instead of standard output")
	cmd.Flags().BoolVar(&opts.force, "force", false, "let -o overwrite a file that exists; never the evidence")
}

// output is where a command's data goes. It is buffered; a write error stays
// until the end, as in bufio.Writer.
type output struct {
	*bufio.Writer
	format string
	color  bool
	file   *os.File // of -o; nil for standard output
	sparse bool     // file is a regular one, in which holes can be left
}

// withOutput opens the output, lets f write it, and closes it. The evidence
// is what must not be written to.
func (a *app) withOutput(opts *outputOptions, ev *evidence, f func(*output) error) error {
	if !slices.Contains(opts.formats, opts.format) {
		return usagef("unknown format %q: want one of %s", opts.format, strings.Join(opts.formats, ", "))
	}
	o := &output{format: opts.format}
	var w io.Writer = a.stdout
	if opts.path != "" && opts.path != "-" {
		file, err := createOutput(opts.path, opts.force, ev.files())
		if err != nil {
			return err
		}
		info, err := file.Stat()
		if err != nil {
			file.Close()
			return err
		}
		o.file, w = file, file
		o.sparse = info.Mode().IsRegular()
	}
	o.Writer = bufio.NewWriterSize(w, 64<<10)
	o.color = a.color(o)
	a.showProgress(o)
	err := f(o)
	a.people.end()
	if flushErr := o.Flush(); flushErr != nil && !errors.Is(err, flushErr) {
		err = errors.Join(err, fmt.Errorf("writing the output: %w", flushErr))
	}
	if o.file != nil {
		if closeErr := o.file.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
	}
	return err
}

// createOutput creates the file of -o. It refuses one that exists unless force
// is set, and always one that is a part of the evidence, under whatever name, or
// that lies on the device that is the evidence.
func createOutput(path string, force bool, evidence []string) (*os.File, error) {
	if err := refuseEvidence(path, evidence); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err == nil {
		return file, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if !force {
		return nil, withHint(usagef("%s exists", path), "--force overwrites it")
	}
	// Looked at once more through the open file, before it is cut: the name
	// may lead elsewhere by now.
	file, err = os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil {
		err = refuseSameFile(path, info, evidence)
	}
	if err == nil && info.Mode().IsRegular() {
		err = file.Truncate(0)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// refuseEvidence gives an error if writing to path would write to the
// evidence. The path may be a file or a folder, and need not exist.
func refuseEvidence(path string, evidence []string) error {
	if info, err := os.Stat(path); err == nil {
		if err := refuseSameFile(path, info, evidence); err != nil {
			return err
		}
	}
	if err := refuseWithin(path, evidence); err != nil {
		return err
	}
	return refuseSameDevice(path, evidence)
}

// refuseWithin gives an error if a path, which need not exist, lies in a
// directory that is evidence.
func refuseWithin(path string, evidence []string) error {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil // writing to it will fail
	}
	for _, e := range evidence {
		dir, err := os.Stat(e)
		if err != nil || !dir.IsDir() {
			continue
		}
		// The part that exists may be a link: every directory above is looked at by
		// what it is, not by its name.
		at := abs
		if real, err := filepath.EvalSymlinks(existing(abs)); err == nil {
			at = real
		}
		for {
			if info, err := os.Stat(at); err == nil && os.SameFile(info, dir) {
				return usagef("%s lies in %s, which is the evidence and never written", path, e)
			}
			up := filepath.Dir(at)
			if up == at {
				break
			}
			at = up
		}
	}
	return nil
}

// existing is the part of a path that exists.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || filepath.Dir(path) == path {
			return path
		}
		path = filepath.Dir(path)
	}
}

func refuseSameFile(path string, info fs.FileInfo, evidence []string) error {
	for _, e := range evidence {
		if ei, err := os.Stat(e); err == nil && os.SameFile(info, ei) {
			return usagef("%s is the evidence, which is never written", path)
		}
	}
	return nil
}

// json writes one value as one line.
func (o *output) json(v any) error {
	enc := json.NewEncoder(o)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// jsonFile writes the metadata of a file, and the members of more after it, as
// one line.
func (o *output) jsonFile(f *timeline.File, more any) error {
	rest, err := json.Marshal(more)
	if err != nil {
		return err
	}
	line := report.AppendFile(o.AvailableBuffer(), f)
	line = append(line[:len(line)-1], ',')
	line = append(append(line, rest[1:]...), '\n')
	_, err = o.Write(line)
	return err
}

// text is a string of the image in JSON, with the runes that would not show
// themselves escaped.
type text string

func (s text) MarshalJSON() ([]byte, error) { return report.AppendJSONString(nil, string(s)), nil }

// bytesOf is what stands beside a name that is not UTF-8 in JSON, in base64;
// "" for a name that is.
func bytesOf(name string) string {
	if utf8.ValidString(name) {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(name))
}

const (
	colorBold  = "1"
	colorRed   = "31"
	colorFaint = "2"
)

// paint puts text in a colour, if the output has colours.
func (o *output) paint(color, text string) string {
	if !o.color || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
