// Package atjobs reads the jobs that at and batch have queued.
package atjobs

import (
	"context"
	"iter"
	"path"
	"strconv"
	"strings"
	"time"

	"deadbox/timeline"
)

// Extractor yields the jobs of at.
var Extractor = timeline.Extractor{
	Name: "at",
	Doc: `Jobs that at and batch have queued: account, uid, gid, queue, job (its number), schedule (when it runs), cwd, command (without the environment that at writes before it, which may hold secrets). The file's name
says when the job runs; its modification time, when it was queued. Each is an autostart record too.

Format: at(1), atd(8); the job's file, https://salsa.debian.org/debian/at/-/blob/master/at.c (writefile), and its name, a letter for the queue, five hexadecimal digits for the job's number, eight for the minutes since 1970.`,
	Paths: []string{"/var/spool/cron/atjobs/*", "/var/spool/at/*", "/var/spool/atjobs/*"},
	Run:   run,
}

const (
	// maxText is the longest command that a record holds, in bytes.
	maxText = 16 << 10
	// maxLines bounds the lines of a job that are read.
	maxLines = 100000
)

// name takes the name of a job's file apart.
func name(base string) (queue string, job int64, when time.Time, ok bool) {
	if len(base) != 14 {
		return "", 0, time.Time{}, false
	}
	queue = base[:1]
	if c := queue[0]; (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '=' {
		return "", 0, time.Time{}, false
	}
	job, err := strconv.ParseInt(base[1:6], 16, 64)
	if err != nil {
		return "", 0, time.Time{}, false
	}
	minutes, err := strconv.ParseInt(base[6:], 16, 64)
	if err != nil {
		return "", 0, time.Time{}, false
	}
	return queue, job, time.Unix(minutes*60, 0).UTC(), true
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		queue, job, when, ok := name(path.Base(s.Path))
		if !ok {
			return // the lock, the number of the last job
		}
		f := map[string]string{"queue": queue, "job": strconv.FormatInt(job, 10), "schedule": when.Format(time.RFC3339)}
		var command []string
		var off, end int64
		first, size := 0, 0
		const (
			header = iota
			directory
			body
		)
		state := header
		delimiter := ""
		lines := 0
		for l, err := range timeline.Lines(ctx, s) {
			if err != nil {
				if !yield(timeline.Record{}, err) {
					return
				}
				continue
			}
			if lines++; lines > maxLines {
				break
			}
			t := string(l.Text)
			switch state {
			case header:
				switch {
				case strings.HasPrefix(t, "# atrun uid="):
					for _, w := range strings.Fields(t) {
						if k, v, ok := strings.Cut(w, "="); ok && (k == "uid" || k == "gid") && number(v) {
							f[k] = v
						}
					}
				case strings.HasPrefix(t, "# mail "):
					if w := strings.Fields(t); len(w) > 2 {
						f["account"] = w[2]
					}
				case strings.HasPrefix(t, "LD_PRELOAD="):
					v, _, _ := strings.Cut(strings.TrimPrefix(t, "LD_PRELOAD="), ";")
					f["ld_preload"] = unescape(v)
				case strings.HasPrefix(t, "cd ") && strings.HasSuffix(t, " || {"):
					f["cwd"] = unescape(strings.TrimSuffix(strings.TrimPrefix(t, "cd "), " || {"))
					state = directory
				}
			case directory:
				if t == "}" {
					state = body
				}
			case body:
				// Red Hat's at hands the commands to the shell as a document.
				if len(command) == 0 && delimiter == "" && strings.HasPrefix(t, "${SHELL:-/bin/sh} << ") {
					delimiter = strings.Trim(strings.TrimPrefix(t, "${SHELL:-/bin/sh} << "), `'"`)
					continue
				}
				if delimiter != "" && t == delimiter || strings.TrimSpace(t) == "" {
					continue
				}
				if first == 0 {
					first, off = l.Number, l.Offset
				}
				end = l.Offset + int64(len(l.Text))
				if size += len(t) + 1; size <= maxText {
					command = append(command, t)
				}
			}
		}
		if f["account"] == "" {
			if account := accountOf(ctx, s, f["uid"]); account != "" {
				f["account"] = account
			}
		}
		if state != body {
			if !yield(timeline.Record{}, s.Damage(0, s.Size, 0, "not a job of at", nil)) {
				return
			}
			if f["uid"] == "" {
				return
			}
		}
		if first == 0 {
			off, end = 0, s.Size
		}
		f["command"] = strings.Join(command, "\n")
		if size > maxText {
			f["truncated"] = "yes"
		}
		if queue == "=" {
			f["state"] = "running"
		}
		stamps := []timeline.Stamp{{What: "scheduled", When: when, Note: "the name of the job's file says so, to the minute"}}
		if s.Inode != nil {
			if t := s.Inode.Times.Modified.Std(); !t.IsZero() {
				stamps = append(stamps, timeline.Stamp{What: "added", When: t, Note: "the last change of the job's file"})
			}
		}
		ev := s.Evidence(off, end-off, first)
		sum := "at " + f["schedule"] + " " + f["account"] + ": " + f["command"]
		if !yield(timeline.Record{Kind: timeline.KindCron, Summary: sum, Stamps: stamps, Fields: f, Evidence: ev}, nil) {
			return
		}
		a := map[string]string{"mechanism": "at", "trigger": "time", "schedule": f["schedule"], "command": f["command"], "path": s.Path, "enabled": "true"}
		if f["account"] != "" {
			a["account"] = f["account"]
		}
		if w, _, _ := strings.Cut(f["command"], " "); strings.HasPrefix(w, "/") {
			a["target"] = strings.TrimRight(strings.SplitN(w, "\n", 2)[0], ";")
		}
		// The command's times stand with the job itself.
		yield(timeline.Record{Kind: timeline.KindAutostart, Summary: sum, Fields: a, Evidence: ev}, nil)
	}
}

func number(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// unescape undoes the backslashes that at writes before signs of the shell.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		if s[i] != '"' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// accountOf looks a user id up in passwd.
func accountOf(ctx context.Context, s *timeline.Source, uid string) string {
	p := s.Open("/etc/passwd")
	if p == nil || uid == "" {
		return ""
	}
	for l, err := range timeline.Lines(ctx, p) {
		if err != nil {
			continue
		}
		if f := strings.SplitN(string(l.Text), ":", 4); len(f) == 4 && f[2] == uid {
			return f[0]
		}
	}
	return ""
}
