package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/timeline"
	"deadbox/timeline/artifact"
)

// accountKinds are the extractors of accounts and of what they may do.
var accountKinds = []string{"accounts", "groups", "authorized-keys", "sudo-rules", "doas-rules", "lastlog", "lastlog2", "utmp", "wtmpdb", "account-changes", "auth-log", "journald"}

// accountActions are what messages tell of changes to accounts and groups.
var accountActions = map[string]bool{
	"useradd": true, "usermod": true, "userdel": true, "groupadd": true, "groupmod": true, "groupdel": true, "group-member-added": true, "group-member-removed": true,
	"passwd-changed": true, "account-locked": true, "chage": true,
}

// maxChanges is how many changes of accounts are listed unless all are wanted.
const maxChanges = 40

type accountsOptions struct {
	recordOptions
	all bool
}

func newAccountsCommand(a *app) *cobra.Command {
	var opts accountsOptions
	cmd := &cobra.Command{
		Use:   "accounts IMAGE...",
		Short: "List the accounts: their rights, keys, passwords' state, last login, changes",
		Long: `List the accounts that can log in, and those that are out of the ordinary: uid,
groups, shell, the state of the password and when it was set (never its hash),
keys that let in, what sudo allows, the last login that wtmp, lastlog, auth.log or
the journal tells of. Below stand the changes to accounts and groups, latest first:
what the logs tell, and what differs from the backups of passwd, shadow, group and
gshadow.

An account can log in if it has a shell, and a password or a key. --all lists the
others too. In the other formats every account is a record, with its groups,
keys, sudo and last_login added to its fields, and each change is one.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox accounts disk.dd
  deadbox accounts disk.dd --all
  deadbox accounts disk.dd --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runAccounts(cmd.Context(), a, &opts, args) },
	}
	cmd.Flags().BoolVar(&opts.all, "all", false, "text: list the accounts that cannot log in as well, and all changes")
	opts.addFlags(cmd, false)
	return cmd
}

// person is an account with what other files say of it.
type person struct {
	rec       timeline.Record
	groups    []string
	keys      []string
	sudo      []string
	lastLogin time.Time
	lastFrom  string
}

func (p *person) canLogIn() bool {
	f := p.rec.Fields
	if !lets(f["shell"]) {
		return false
	}
	return f["password"] == "set" || f["password"] == "none" || len(p.keys) > 0
}

// odd says what is out of the ordinary with the account itself.
func (p *person) odd() []string {
	f := p.rec.Fields
	var out []string
	if f["uid"] == "0" && f["account"] != "root" {
		out = append(out, "uid 0")
	}
	if f["password"] == "none" {
		out = append(out, "no password needed")
	}
	if id, err := strconv.ParseUint(f["uid"], 10, 32); err == nil && id != 0 && id < 1000 && p.canLogIn() {
		out = append(out, "system account that can log in")
	}
	if !lets(f["shell"]) && len(p.keys) > 0 {
		out = append(out, "keys but no shell")
	}
	if o := f["only_in"]; o != "" {
		out = append(out, "only in "+o)
	}
	return out
}

func runAccounts(ctx context.Context, a *app, opts *accountsOptions, sources []string) error {
	list, err := extractorsOf(accountKinds)
	if err != nil {
		return err
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		c := newCensus()
		for rec := range r.records(list) {
			c.add(rec)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		people := c.join()
		if r.o.format == formatText && !opts.full {
			if err := r.writePeople(people, opts.all); err != nil {
				return err
			}
			return r.writeChanges(c.changes, opts.all)
		}
		for _, p := range people {
			if err := r.write(p.record()); err != nil {
				return err
			}
		}
		for i := range c.changes {
			if err := r.write(&c.changes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// census joins what the extractors say of each account.
type census struct {
	people  []*person // in the order of passwd
	byName  map[string]*person
	byGroup map[string][]string // names of groups by number
	rest    []timeline.Record   // what is joined once all accounts are known
	changes []timeline.Record   // of accounts and groups

	accepted map[string]int // the place in rest of the last login of a name
}

func newCensus() *census {
	return &census{byName: map[string]*person{}, byGroup: map[string][]string{}, accepted: map[string]int{}}
}

func (c *census) add(rec *timeline.Record) {
	f := rec.Fields
	switch rec.Kind {
	case timeline.KindAccount:
		p := &person{rec: *rec}
		c.people = append(c.people, p)
		if c.byName[f["account"]] == nil {
			c.byName[f["account"]] = p
		}
	case timeline.KindGroup:
		c.byGroup[f["gid"]] = append(c.byGroup[f["gid"]], f["group"])
		c.rest = append(c.rest, *rec)
	case timeline.KindLogin:
		if f["action"] == "login" && len(rec.Stamps) > 0 {
			c.rest = append(c.rest, *rec)
		}
	case timeline.KindAuthorizedKey:
		c.rest = append(c.rest, *rec)
	case timeline.KindEffective:
		switch f["name"] {
		case "sudo-rule", "doas-rule":
			c.rest = append(c.rest, *rec)
		case "account-change":
			c.changes = append(c.changes, *rec)
		}
	case timeline.KindAuth:
		switch {
		case f[artifact.CopyOf] != "" || len(rec.Stamps) == 0:
		case accountActions[f["action"]]:
			c.changes = append(c.changes, *rec)
		case f["action"] == "login-accepted" && f["account"] != "" && givesShell(f["program"]):
			c.logged(rec)
		}
	}
}

// givesShell tells programs whose logins are to the system, not to mail or files.
func givesShell(program string) bool {
	switch program {
	case "login", "dropbear", "lightdm", "sddm", "xrdp-sesman":
		return true
	}
	return strings.HasPrefix(program, "sshd") || strings.HasPrefix(program, "gdm")
}

// logged keeps the last of an account's logins that messages tell of: there
// may be millions.
func (c *census) logged(rec *timeline.Record) {
	name := rec.Fields["account"]
	if i, ok := c.accepted[name]; !ok {
		c.accepted[name] = len(c.rest)
		c.rest = append(c.rest, *rec)
	} else if rec.Stamps[0].When.After(c.rest[i].Stamps[0].When) {
		c.rest[i] = *rec
	}
}

// join gives the accounts. It is called once.
func (c *census) join() []*person {
	for _, p := range c.people {
		p.groups = append(p.groups, c.byGroup[p.rec.Fields["gid"]]...)
	}
	for i := range c.rest {
		rec := &c.rest[i]
		f := rec.Fields
		p := c.byName[f["account"]]
		switch {
		case rec.Kind == timeline.KindGroup:
			for m := range strings.SplitSeq(f["members"], ",") {
				if p := c.byName[m]; p != nil && !slices.Contains(p.groups, f["group"]) {
					p.groups = append(p.groups, f["group"])
				}
			}
		case rec.Kind == timeline.KindEffective:
			grant(c.people, f)
		case p == nil:
		case rec.Kind == timeline.KindAuthorizedKey:
			p.keys = append(p.keys, cmp.Or(f["comment"], f["fingerprint"], "?"))
		case rec.Kind == timeline.KindLogin, rec.Kind == timeline.KindAuth:
			if t := rec.Stamps[0].When; t.After(p.lastLogin) {
				p.lastLogin, p.lastFrom = t, cmp.Or(f["address"], f["remote_host"], f["tty"])
			}
		}
	}
	return c.people
}

// grant gives a rule of sudo to the accounts that it is for.
func grant(people []*person, f map[string]string) {
	if f["action"] == "deny" {
		return
	}
	what := cmp.Or(f["command"], "ALL") + " as " + cmp.Or(f["target"], "root")
	if f["nopasswd"] == "yes" {
		what += " without a password"
	}
	for _, p := range people {
		a := p.rec.Fields
		if f["account"] != "" && (f["account"] == a["account"] || f["account"] == "ALL") || f["group"] != "" && slices.Contains(p.groups, f["group"]) || f["uid"] != "" && f["uid"] == a["uid"] {
			if !slices.Contains(p.sudo, what) {
				p.sudo = append(p.sudo, what)
			}
		}
	}
}

// record is the account with what was joined to it.
func (p *person) record() *timeline.Record {
	f := p.rec.Fields
	for name, list := range map[string][]string{"groups": p.groups, "keys": p.keys, "sudo": p.sudo, "odd": p.odd()} {
		if len(list) > 0 {
			f[name] = strings.Join(list, ", ")
		}
	}
	if !p.lastLogin.IsZero() {
		f["last_login"] = p.lastLogin.Format(time.RFC3339)
		f["last_login_from"] = p.lastFrom
	}
	f["can_log_in"] = strconv.FormatBool(p.canLogIn())
	return &p.rec
}

// peopleTable lists the accounts, without those that cannot log in and are not
// out of the ordinary unless all are wanted; left says how many those are.
func peopleTable(people []*person, all bool, zone *time.Location) (t *table, left int) {
	t = &table{head: []string{"ACCOUNT", "UID", "SHELL", "PASSWORD", "SET ON", "GROUPS", "KEYS", "SUDO", "LAST LOGIN", "FROM", "ODD"}, right: []int{1}}
	for _, p := range people {
		odd := p.odd()
		if !all && !p.canLogIn() && len(odd) == 0 && p.rec.Fields["uid"] != "0" {
			left++
			continue
		}
		f := p.rec.Fields
		password := f["password"]
		if f["hash_kind"] != "" {
			password += ", " + f["hash_kind"]
		}
		last := ""
		if !p.lastLogin.IsZero() {
			last = report.TimeIn(p.lastLogin, zone)
		}
		t.add(f["account"], f["uid"], f["shell"], password, f["last_changed"], strings.Join(p.groups, ","), report.Cut(strings.Join(p.keys, ", "), 80),
			report.Cut(strings.Join(p.sudo, "; "), 80), last, p.lastFrom, strings.Join(odd, ", "))
	}
	return t, left
}

func (r *recorder) writePeople(people []*person, all bool) error {
	if len(people) == 0 {
		return r.nothing("no accounts were found")
	}
	t, left := peopleTable(people, all, r.zone)
	if err := t.write(r.o); err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(r.o, "\n%s that cannot log in: --all lists them.\n", plural(left, "more account", "more accounts"))
	}
	return nil
}

// writeChanges lists the changes to accounts, latest first.
func (r *recorder) writeChanges(changes []timeline.Record, all bool) error {
	if len(changes) == 0 {
		return nil
	}
	when := func(rec *timeline.Record) time.Time {
		if len(rec.Stamps) == 0 {
			return time.Time{}
		}
		return rec.Stamps[0].When
	}
	slices.SortStableFunc(changes, func(a, b timeline.Record) int { return when(&b).Compare(when(&a)) })
	left := 0
	if !all && len(changes) > maxChanges {
		left = len(changes) - maxChanges
	}
	t := &table{head: []string{"CHANGED", "WHAT", "SAID BY"}}
	for i := range changes[:len(changes)-left] {
		rec := &changes[i]
		at := ""
		if len(rec.Stamps) > 0 {
			at = report.TimeIn(rec.Stamps[0].When, r.zone)
			if rec.Stamps[0].Note != "" {
				at += "?"
			}
		}
		t.add(at, report.Cut(rec.Summary, 120), placeOf(rec))
	}
	r.o.WriteString("\n")
	if err := t.write(r.o); err != nil {
		return err
	}
	if left > 0 {
		fmt.Fprintf(r.o, "\n%s: --all lists them.\n", plural(left, "older change", "older changes"))
	}
	return nil
}
