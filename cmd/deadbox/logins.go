package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
	"deadbox/timeline/artifact/utmp"
)

// loginKinds are the extractors of who logged in: the records of logins, and
// the logs that say how.
var loginKinds = []string{"utmp", "wtmpdb", "authorized-keys", "auth-log", "syslog", "journald", "ftp", "mail", "mysql", "postgresql"}

// sameLogin is how far apart the record of a login and the line of the log may
// stand: sshd logs before it opens the session.
const sameLogin = 10 * time.Second

type loginsOptions struct {
	recordOptions
	failed bool
	each   bool
}

func newLoginsCommand(a *app) *cobra.Command {
	var opts loginsOptions
	cmd := &cobra.Command{
		Use:   "logins IMAGE...",
		Short: "Show who logged in, from where, with which key, for how long; or who failed to",
		Long: `Show who logged in, from where, how, and for how long, the last first: the sessions
of wtmp or wtmpdb, as last(1) shows them, joined with the lines of the logs that say
which password or key let them in and whose key it was. A login that only a
log knows, such as one that ran a single command, is shown as well.

With --failed show the failed ones, as lastb(8) does: by address, with what was
tried, and whether the address ever got in; with --each one by one.

END is followed by how the session ended where that was no logout.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox logins disk.dd
  deadbox logins disk.dd --failed
  deadbox logins disk.dd --failed --each --address 203.0.113.9
  deadbox logins disk.dd --account root --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runLogins(cmd.Context(), a, &opts, args) },
	}
	cmd.Flags().BoolVar(&opts.failed, "failed", false, "show the logins that failed, by address")
	cmd.Flags().BoolVar(&opts.each, "each", false, "with --failed: show each of them")
	opts.addFlags(cmd, true)
	return cmd
}

// login is somebody who got in.
type login struct {
	rec    timeline.Record // of wtmp, or of a log if no wtmp knows it
	auth   *timeline.Record
	start  time.Time
	until  time.Time
	ended  string
	inWtmp bool
}

func isAccepted(r *timeline.Record) bool {
	return r.Kind == timeline.KindAuth && r.Fields["action"] == "login-accepted"
}

func isFailed(r *timeline.Record) bool {
	switch r.Fields["action"] {
	case "failed":
		return r.Kind == timeline.KindLogin
	case "login-failed", "invalid-user":
		return r.Kind == timeline.KindAuth
	}
	return false
}

func runLogins(ctx context.Context, a *app, opts *loginsOptions, sources []string) error {
	list, err := extractorsOf(loginKinds)
	if err != nil {
		return err
	}
	if opts.each && !opts.failed {
		return usagef("--each goes with --failed")
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		if opts.failed {
			return r.failedLogins(list, opts.each)
		}
		var records, accepted []timeline.Record
		// The sessions are joined from all records of their files, so the choice
		// comes afterwards.
		for rec := range r.records(list, timeline.KindLogin) {
			switch {
			case rec.Kind == timeline.KindLogin:
				records = append(records, *rec)
			case isAccepted(rec) && rec.Fields[artifact.CopyOf] == "" && len(rec.Stamps) > 0:
				accepted = append(accepted, *rec)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		logins := joinLogins(utmp.Sessions(records), accepted)
		logins = slices.DeleteFunc(logins, func(l login) bool { return !r.wants(&l.rec) })
		if r.o.format == formatText && !opts.full {
			return r.writeLogins(logins, records)
		}
		for i := range logins {
			if err := r.write(logins[i].record()); err != nil {
				return err
			}
		}
		return nil
	})
}

// joinLogins joins sessions with the lines that say how they were let in. Each
// line belongs to one session at most; those without one are logins of their own.
// The last come first.
func joinLogins(sessions []utmp.Session, accepted []timeline.Record) []login {
	byAccount := map[string][]int{}
	for i := range accepted {
		account := accepted[i].Fields["account"]
		byAccount[account] = append(byAccount[account], i)
	}
	used := make([]bool, len(accepted))
	var out []login
	for _, s := range oneOfEach(sessions) {
		l := login{rec: s.Login, start: s.Start, until: s.Until, ended: s.Ended, inWtmp: true}
		best, gap := -1, sameLogin+1
		for _, i := range byAccount[s.Login.Fields["account"]] {
			d := s.Start.Sub(accepted[i].Stamps[0].When).Abs()
			if used[i] || d >= gap || !sameAddress(&s.Login, &accepted[i]) {
				continue
			}
			best, gap = i, d
		}
		if best >= 0 {
			used[best] = true
			l.auth = &accepted[best]
		}
		out = append(out, l)
	}
	for i := range accepted {
		if !used[i] {
			out = append(out, login{rec: accepted[i], auth: &accepted[i], start: accepted[i].Stamps[0].When})
		}
	}
	slices.SortStableFunc(out, func(a, b login) int { return b.start.Compare(a.start) })
	return out
}

// oneOfEach leaves one session of each that several files hold: pam_wtmpdb and
// login write the same into databases and wtmp, and a copy of a file may stand beside
// it. The one whose end is known best stays, and names the other files in also_in.
func oneOfEach(sessions []utmp.Session) []utmp.Session {
	type key struct {
		account, tty string
		second       int64
	}
	at := map[key]int{}
	var out []utmp.Session
	for _, s := range sessions {
		f := s.Login.Fields
		k := key{f["account"], f["tty"], s.Start.Unix()}
		first := -1
		for _, step := range [...]int64{0, -1, 1} {
			i, ok := at[key{k.account, k.tty, k.second + step}]
			if ok && s.Start.Sub(out[i].Start).Abs() < time.Second && !slices.Contains(filesOf(out[i]), s.Login.Evidence.Path) && sameAddress(&s.Login, &out[i].Login) {
				first = i
				break
			}
		}
		if first < 0 {
			at[k] = len(out)
			out = append(out, s)
			continue
		}
		kept := out[first]
		if endKnown(s) > endKnown(kept) {
			kept = s
		}
		kept.Login.Fields = maps.Clone(kept.Login.Fields)
		files := append(filesOf(out[first]), s.Login.Evidence.Path)
		files = slices.DeleteFunc(files, func(name string) bool { return name == kept.Login.Evidence.Path })
		kept.Login.Fields["also_in"] = strings.Join(files, ", ")
		out[first] = kept
	}
	return out
}

// filesOf are the files that hold a session.
func filesOf(s utmp.Session) []string {
	files := []string{s.Login.Evidence.Path}
	if also := s.Login.Fields["also_in"]; also != "" {
		files = append(files, strings.Split(also, ", ")...)
	}
	return files
}

// endKnown ranks what is known of a session's end: that it was left, that it
// cannot have gone on longer, nothing.
func endKnown(s utmp.Session) int {
	switch {
	case s.Ended == "logout":
		return 2
	case !s.Until.IsZero():
		return 1
	}
	return 0
}

// sameAddress compares where two records say that somebody came from. A
// record without an address fits any.
func sameAddress(a, b *timeline.Record) bool {
	x, y := a.Fields["address"], b.Fields["address"]
	return x == "" || y == "" || x == y
}

// record is the login with what the log says of it: method, key_type,
// fingerprint, key_comment, key_path, said_by.
func (l *login) record() *timeline.Record {
	rec := l.rec
	if l.auth == nil || !l.inWtmp {
		return &rec
	}
	rec.Fields = maps.Clone(rec.Fields)
	for _, name := range [...]string{"method", "key_type", "fingerprint", "key_comment", "key_path"} {
		if v := l.auth.Fields[name]; v != "" {
			rec.Fields[name] = v
		}
	}
	rec.Fields["said_by"] = placeOf(l.auth)
	return &rec
}

// loginTable is the logins for people.
func loginTable(logins []login, zone *time.Location) *table {
	t := &table{head: []string{"ACCOUNT", "TTY", "FROM", "START", "END", "FOR", "HOW", "KEY", "SAID BY"}}
	for i := range logins {
		l := &logins[i]
		f := l.record().Fields
		end, lasted := "", ""
		switch {
		case !l.until.IsZero():
			end = report.TimeIn(l.until, zone)
			if l.ended != "logout" {
				end += " " + l.ended
			}
			lasted = l.until.Sub(l.start).Round(time.Second).String()
		case l.inWtmp:
			end = "still open"
		}
		how := f["method"]
		if p := f["program"]; p != "" && !strings.HasPrefix(p, "sshd") {
			how = strings.TrimSpace(p + " " + how)
		}
		said := cmp.Or(f["said_by"], placeOf(&l.rec))
		if also := f["also_in"]; also != "" {
			said += fmt.Sprintf(" (+%d)", 1+strings.Count(also, ", "))
		}
		t.add(f["account"], f["tty"], cmp.Or(f["address"], f["remote_host"]), report.TimeIn(l.start, zone), end, lasted, how, cmp.Or(f["key_comment"], f["fingerprint"]), said)
	}
	return t
}

func (r *recorder) writeLogins(logins []login, records []timeline.Record) error {
	if len(logins) == 0 {
		return r.nothing("no logins were found")
	}
	if err := loginTable(logins, r.zone).write(r.o); err != nil {
		return err
	}
	// What was done to the files themselves.
	blank, back := 0, 0
	for i := range records {
		if records[i].Fields["action"] == "blank" {
			blank++
		}
		if records[i].Fields["goes_back"] != "" {
			back++
		}
	}
	if blank > 0 {
		fmt.Fprintf(r.o, "\n%s of zeros in wtmp or btmp, which no program writes: deadbox artifacts --kind utmp --grep blank\n", plural(blank, "run", "runs"))
	}
	if back > 0 {
		fmt.Fprintf(r.o, "%s earlier than the one before it: deadbox artifacts --kind utmp --full\n", plural(back, "record is", "records are"))
	}
	return nil
}

// attacker is an address from which logins failed.
type attacker struct {
	address     string
	logs, btmp  int
	accepted    int
	accounts    map[string]int
	first, last time.Time
}

// attackers are the addresses from which logins failed.
type attackers map[string]*attacker

func (as attackers) add(rec *timeline.Record) {
	failed := isFailed(rec)
	if rec.Fields[artifact.CopyOf] != "" || !failed && !isAccepted(rec) {
		return
	}
	from := cmp.Or(rec.Fields["address"], rec.Fields["remote_host"], "(local)")
	c := as[from]
	if c == nil {
		if len(as) >= maxClients {
			return
		}
		c = &attacker{address: from, accounts: map[string]int{}}
		as[from] = c
	}
	switch {
	case !failed:
		c.accepted++
		return
	case rec.Kind == timeline.KindLogin:
		c.btmp++
	case rec.Fields["action"] == "login-failed":
		c.logs += count(rec)
	}
	if acc := rec.Fields["account"]; acc != "" && (len(c.accounts) < 10000 || c.accounts[acc] > 0) {
		c.accounts[acc]++
	}
	if len(rec.Stamps) > 0 {
		when := rec.Stamps[0].When
		if c.first.IsZero() || when.Before(c.first) {
			c.first = when
		}
		if when.After(c.last) {
			c.last = when
		}
	}
}

// table lists those with the most failures first.
func (as attackers) table(zone *time.Location) *table {
	var all []*attacker
	for _, c := range as {
		if c.logs+c.btmp > 0 || !c.first.IsZero() {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *attacker) int {
		return cmp.Or(cmp.Compare(max(b.logs, b.btmp), max(a.logs, a.btmp)), cmp.Compare(a.address, b.address))
	})
	t := &table{head: []string{"FROM", "IN LOGS", "IN BTMP", "GOT IN", "FIRST", "LAST", "ACCOUNTS TRIED"}, right: []int{1, 2, 3}}
	for _, c := range all {
		t.add(c.address, fmt.Sprint(c.logs), fmt.Sprint(c.btmp), fmt.Sprint(c.accepted), report.TimeIn(c.first, zone), report.TimeIn(c.last, zone), c.tried())
	}
	return t
}

func (r *recorder) failedLogins(list []*timeline.Extractor, each bool) error {
	if each || r.o.format != formatText {
		return r.writeInOrder(list, func(rec *timeline.Record) bool { return isFailed(rec) && rec.Fields[artifact.CopyOf] == "" })
	}
	found := attackers{}
	for rec := range r.records(list) {
		found.add(rec)
	}
	if err := r.ctx.Err(); err != nil {
		return err
	}
	t := found.table(r.zone)
	if len(t.rows) == 0 {
		return r.nothing("no failed logins were found")
	}
	if err := t.write(r.o); err != nil {
		return err
	}
	r.o.WriteString("\nThe same failure stands in the logs and in btmp; neither need be whole.\n")
	return nil
}

// count is how many times a message stands for.
func count(rec *timeline.Record) int {
	n := 0
	if _, err := fmt.Sscan(rec.Fields["count"], &n); err != nil || n < 1 || n > 1<<20 {
		return 1
	}
	return n
}

// tried names the accounts that were tried, the most often first.
func (c *attacker) tried() string {
	const most = 6
	names := slices.Collect(maps.Keys(c.accounts))
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(c.accounts[b], c.accounts[a]), strings.Compare(a, b)) })
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
