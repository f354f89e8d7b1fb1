package main

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"deadbox/report"
	"deadbox/rules"
	"deadbox/rules/builtin"
	"deadbox/timeline"
)

// webKinds are the extractors of what web servers show and log.
var webKinds = []string{"sites", "web-apps", "web-access"}

// maxClients bounds the addresses that are counted one by one.
const maxClients = 500_000

type webOptions struct {
	recordOptions
	top int
}

func newWebCommand(a *app) *cobra.Command {
	var opts webOptions
	cmd := &cobra.Command{
		Use:   "web IMAGE...",
		Short: "Show the sites of the web servers, their applications, their clients, and requests that are odd",
		Long: `Show what the web servers show and who came: the sites with their roots as the
configuration says, the applications that are recognised in them with their
versions, the clients with the most requests, and the requests that rules find odd.

All requests: deadbox logs --kind web-access.` + imagesHelp + exitStatus(exitDone, exitUsage, exitPartial, exitFailed),
		Example: `  deadbox web disk.dd
  deadbox web disk.dd --from 2026-10-01 --to 2026-10-03 --top 30
  deadbox web disk.dd --address 203.0.113.9 --format jsonl`,
		Args: imageArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runWeb(cmd.Context(), a, &opts, args) },
	}
	cmd.Flags().IntVar(&opts.top, "top", 10, "the `number` of clients to show")
	opts.addFlags(cmd, true)
	return cmd
}

// client is who sent requests.
type client struct {
	address     string
	requests    int64
	classes     [6]int64 // by the first digit of the status, 0 for none
	posts       int64
	bytes       int64
	first, last time.Time
	agent       string // of the first request
	agents      int    // changes of it from one request to the next
	lastAgent   string
}

func (c *client) add(rec *timeline.Record) {
	f := rec.Fields
	c.requests++
	class := 0
	if s := f["status"]; s != "" && s[0] >= '1' && s[0] <= '5' {
		class = int(s[0] - '0')
	}
	c.classes[class]++
	if f["method"] == "POST" || f["method"] == "PUT" {
		c.posts++
	}
	if n, err := strconv.ParseInt(f["bytes"], 10, 64); err == nil && n > 0 && c.bytes < math.MaxInt64-n {
		c.bytes += n
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
	if agent := f["user_agent"]; agent != c.lastAgent {
		if c.agent == "" {
			c.agent = agent
		} else {
			c.agents++
		}
		c.lastAgent = agent
	}
}

// visits is what the access logs come to.
type visits struct {
	clients map[string]*client
	all     client
	more    int64 // requests of addresses beyond maxClients
	logs    map[string]int64
}

func (v *visits) add(rec *timeline.Record) {
	v.all.add(rec)
	v.logs[rec.Evidence.Path]++
	address := rec.Fields["address"]
	c := v.clients[address]
	if c == nil {
		if len(v.clients) >= maxClients {
			v.more++
			return
		}
		c = &client{address: address}
		v.clients[address] = c
	}
	c.add(rec)
}

// top are the clients with the most requests.
func (v *visits) top(n int) []*client {
	list := make([]*client, 0, len(v.clients))
	for _, c := range v.clients {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b *client) int {
		return cmp.Or(cmp.Compare(b.requests, a.requests), cmp.Compare(a.address, b.address))
	})
	return list[:min(n, len(list))]
}

func runWeb(ctx context.Context, a *app, opts *webOptions, sources []string) error {
	list, err := extractorsOf(webKinds)
	if err != nil {
		return err
	}
	if opts.top < 0 {
		return usagef("--top %d: want a number of clients", opts.top)
	}
	return a.withRecords(ctx, &opts.recordOptions, sources, func(r *recorder) error {
		v := visits{clients: map[string]*client{}, logs: map[string]int64{}}
		engine := rules.NewEngine(builtin.All, environment(r.host))
		var sites, apps []timeline.Record
		// The flags choose among requests; sites have no times or addresses.
		for rec := range r.records(list, timeline.KindSite, timeline.KindWebApp) {
			switch rec.Kind {
			case timeline.KindSite:
				sites = append(sites, *rec)
			case timeline.KindWebApp:
				apps = append(apps, *rec)
			case timeline.KindWebAccess:
				v.add(rec)
				engine.Record(rec)
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		findings := slices.DeleteFunc(engine.Findings(), func(f rules.Finding) bool { return f.Severity < rules.Low })
		if r.o.format != formatText {
			return r.webRows(sites, apps, v.top(opts.top), findings)
		}
		return r.writeWeb(sites, apps, &v, findings, opts.top)
	})
}

func (r *recorder) webRows(sites, apps []timeline.Record, top []*client, findings []rules.Finding) error {
	for _, list := range [][]timeline.Record{sites, apps} {
		for i := range list {
			if err := r.write(&list[i]); err != nil {
				return err
			}
		}
	}
	if r.o.format == formatCSV {
		return nil // clients and findings are no records
	}
	for _, c := range top {
		if err := r.o.json(struct {
			Kind     string    `json:"kind"`
			Address  text      `json:"address"`
			Requests int64     `json:"requests"`
			OK       int64     `json:"status_2xx"`
			Moved    int64     `json:"status_3xx"`
			Client   int64     `json:"status_4xx"`
			Server   int64     `json:"status_5xx"`
			Posts    int64     `json:"posts"`
			Bytes    int64     `json:"bytes"`
			First    time.Time `json:"first"`
			Last     time.Time `json:"last"`
			Agent    text      `json:"user_agent"`
		}{"client", text(c.address), c.requests, c.classes[2], c.classes[3], c.classes[4], c.classes[5], c.posts, c.bytes, c.first, c.last, text(c.agent)}); err != nil {
			return err
		}
	}
	for i := range findings {
		r.line = append(report.AppendFinding(r.line[:0], &findings[i]), '\n')
		if _, err := r.o.Write(r.line); err != nil {
			return err
		}
	}
	return nil
}

func siteTable(sites []timeline.Record) *table {
	t := &table{head: []string{"NAME", "LISTEN", "ROOT", "ENABLED", "SERVER", "SAID BY"}, indent: "  "}
	for i := range sites {
		f := sites[i].Fields
		root := cmp.Or(f["root"], f["path"], f["target"])
		if root == "" && f["aliases"] != "" {
			root = "aliases " + report.Cut(f["aliases"], 80)
		}
		t.add(cmp.Or(f["vhost"], f["name"], "(default)"), f["listen"], root, f["enabled"], cmp.Or(f["program"], f["server"]), placeOf(&sites[i]))
	}
	return t
}

func appTable(apps []timeline.Record) *table {
	t := &table{head: []string{"NAME", "VERSION", "KIND", "PATH"}, indent: "  "}
	for i := range apps {
		f := apps[i].Fields
		if f["type"] == "database" {
			continue // what an application's configuration says of its database
		}
		t.add(f["name"], f["version"], f["type"], cmp.Or(f["path"], apps[i].Evidence.Path))
	}
	return t
}

func clientTable(clients []*client, zone *time.Location) *table {
	t := &table{head: []string{"ADDRESS", "REQUESTS", "2XX", "3XX", "4XX", "5XX", "POSTS", "BYTES", "FIRST", "LAST", "USER AGENT"}, right: []int{1, 2, 3, 4, 5, 6, 7}, indent: "  "}
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	for _, c := range clients {
		agent := report.Cut(c.agent, 60)
		if c.agents > 0 {
			agent += " and others"
		}
		t.add(cmp.Or(c.address, "-"), n(c.requests), n(c.classes[2]), n(c.classes[3]), n(c.classes[4]), n(c.classes[5]), n(c.posts), report.Bytes(c.bytes),
			report.TimeIn(c.first, zone), report.TimeIn(c.last, zone), agent)
	}
	return t
}

func (r *recorder) title(s string) { r.o.WriteString(r.o.paint(colorBold, s) + "\n") }

func (r *recorder) writeWeb(sites, apps []timeline.Record, v *visits, findings []rules.Finding, top int) error {
	r.title("Sites")
	if len(sites) == 0 {
		r.o.WriteString("  No configuration of a web server names one.\n")
	} else {
		if err := siteTable(sites).write(r.o); err != nil {
			return err
		}
	}
	r.o.WriteString("\n")
	r.title("Applications")
	if len(apps) == 0 {
		r.o.WriteString("  None was recognised.\n")
	} else {
		if err := appTable(apps).write(r.o); err != nil {
			return err
		}
	}
	r.o.WriteString("\n")
	r.title("Requests")
	if v.all.requests == 0 {
		r.o.WriteString("  No access log holds any.\n")
		return nil
	}
	fmt.Fprintf(r.o, "  %s in %s, from %s to %s\n", plural(int(v.all.requests), "request", "requests"), plural(len(v.logs), "log", "logs"),
		report.TimeIn(v.all.first, r.zone), report.TimeIn(v.all.last, r.zone))
	if v.more > 0 {
		fmt.Fprintf(r.o, "  %d of them are of more addresses than are counted one by one\n", v.more)
	}
	if top > 0 {
		r.o.WriteString("\n")
		r.title("Clients with the most requests, of " + report.Count(int64(len(v.clients))))
		if err := clientTable(v.top(top), r.zone).write(r.o); err != nil {
			return err
		}
	}
	r.o.WriteString("\n")
	r.title("Odd requests")
	if len(findings) == 0 {
		r.o.WriteString("  The rules found none.\n")
	}
	for i := range findings {
		f := &findings[i]
		fmt.Fprintf(r.o, "  %-8s %s  %s", f.Severity, report.TimeIn(f.Time, r.zone), report.Text(f.Title))
		if f.Address != "" {
			r.o.WriteString(" from " + report.Text(f.Address))
		}
		fmt.Fprintf(r.o, " (%s)\n           %s\n", plural(f.Count, "request", "requests"), report.Text(report.Cut(strings.TrimSpace(f.Summary), 300)))
		if len(f.Evidence) > 0 {
			fmt.Fprintf(r.o, "           %s\n", report.Text(placeOf(&timeline.Record{Evidence: f.Evidence[0]})))
		}
	}
	return nil
}
