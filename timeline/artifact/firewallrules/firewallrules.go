// Package firewallrules reads the rules of firewalls from the files that they
// are loaded from.
package firewallrules

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"path"
	"strings"

	"deadbox/timeline"
)

// Extractor yields a record for each rule.
var Extractor = timeline.Extractor{
	Name: "firewall-rules",
	Doc: `Rules of firewalls, of the files that iptables-restore, nft, ufw and firewalld load: kind effective, name firewall-rule, with table, chain (or zone), action (ACCEPT, drop, redirect, ...), address (where it comes from),
dst_address, protocol, port (of the sender), dst_port, in, out, comment, rule (the whole); policies of chains with policy instead of rule.

Formats: iptables-save(8), iptables-extensions(8); nft(8), https://wiki.nftables.org/wiki-nftables/index.php/Scripting; ufw(8); firewalld.zone(5), firewalld.direct(5), https://firewalld.org/documentation/man-pages/firewalld.zone.html.`,
	Paths: []string{
		"/etc/iptables/rules.v4", "/etc/iptables/rules.v6", "/etc/iptables/*.rules", "/etc/iptables.rules", "/etc/ip6tables.rules", "/etc/iptables.up.rules", "/etc/sysconfig/iptables", "/etc/sysconfig/ip6tables", "/var/lib/iptables/rules-save",
		"/etc/ufw/*.rules", "/lib/ufw/user.rules", "/lib/ufw/user6.rules", "/var/lib/ufw/user.rules", "/var/lib/ufw/user6.rules",
		"/etc/nftables.conf", "/etc/nftables.nft", "/etc/nftables.d/*", "/etc/nftables/*.nft", "/etc/sysconfig/nftables.conf", "/var/lib/nftables/*.nft",
		"/etc/firewalld/zones/*.xml", "/etc/firewalld/policies/*.xml", "/etc/firewalld/direct.xml",
	},
	Run: run,
}

const (
	// maxRecords bounds the rules of one file.
	maxRecords = 50000
	// maxText is the longest rule that is kept, in bytes.
	maxText = 4096
	// maxXML is the largest file of firewalld that is read, in bytes.
	maxXML = 4 << 20
	// maxDepth bounds how deep blocks may lie in each other.
	maxDepth = 32
)

type reader struct {
	ctx   context.Context
	src   *timeline.Source
	yield func(timeline.Record, error) bool
	count int
	done  bool
}

func run(ctx context.Context, s *timeline.Source) iter.Seq2[timeline.Record, error] {
	return func(yield func(timeline.Record, error) bool) {
		r := &reader{ctx: ctx, src: s, yield: yield}
		switch {
		case path.Ext(s.Path) == ".xml":
			r.firewalld()
		case strings.Contains(s.Path, "nft"):
			r.nft()
		default:
			r.iptables()
		}
	}
}

func (r *reader) bad(err error) {
	if !r.done && !r.yield(timeline.Record{}, err) {
		r.done = true
	}
}

func (r *reader) emit(off, size int64, number int, f map[string]string) {
	if r.done {
		return
	}
	if r.count++; r.count > maxRecords {
		if r.count == maxRecords+1 {
			r.bad(r.src.Damage(off, r.src.Size-off, number, "the rules after the first 50000 are left out", nil))
		}
		return
	}
	for k, v := range f {
		switch {
		case v == "":
			delete(f, k)
		case len(v) > maxText:
			f[k] = strings.ToValidUTF8(v[:maxText], "")
		}
	}
	f["name"], f["path"] = "firewall-rule", r.src.Path
	sum := "firewall: " + strings.TrimSpace(f["table"]+" "+f["chain"]+f["zone"]) + ": "
	if f["policy"] != "" {
		sum += "policy " + f["policy"]
	} else {
		sum += f["rule"]
	}
	r.done = !r.yield(timeline.Record{Kind: timeline.KindEffective, Summary: sum, Fields: f, Evidence: r.src.Evidence(off, size, number)}, nil)
}

// flags are the options of iptables whose values are told.
var flags = map[string]string{
	"-s": "address", "--source": "address", "--src": "address", "-d": "dst_address", "--destination": "dst_address", "--dst": "dst_address", "-p": "protocol", "--protocol": "protocol", "--sport": "port", "--sports": "port",
	"--source-port": "port", "--dport": "dst_port", "--dports": "dst_port", "--destination-port": "dst_port", "-i": "in", "--in-interface": "in", "-o": "out", "--out-interface": "out", "-j": "action", "--jump": "action", "-g": "action", "--goto": "action",
	"--comment": "comment", "--to-destination": "to", "--to-ports": "to", "--to-source": "to",
}

// iptables reads what iptables-save writes.
func (r *reader) iptables() {
	table := ""
	for l, err := range timeline.Lines(r.ctx, r.src) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		t := strings.TrimSpace(string(l.Text))
		switch {
		case t == "" || t[0] == '#' || t == "COMMIT":
		case t[0] == '*':
			table = strings.TrimSpace(t[1:])
		case t[0] == ':':
			if f := strings.Fields(t[1:]); len(f) >= 2 && f[1] != "-" {
				r.emit(l.Offset, int64(len(l.Text)), l.Number, map[string]string{"table": table, "chain": f[0], "policy": f[1]})
			}
		case t[0] == '-' || t[0] == '[':
			if t[0] == '[' { // counters
				_, t, _ = strings.Cut(t, "] ")
			}
			w := words(t)
			if len(w) < 2 || w[0] != "-A" && w[0] != "-I" && w[0] != "--append" && w[0] != "--insert" {
				continue
			}
			f := map[string]string{"table": table, "chain": w[1], "rule": t}
			not := ""
			for i := 2; i < len(w); i++ {
				if w[i] == "!" {
					not = "!"
					continue
				}
				if k := flags[w[i]]; k != "" && i+1 < len(w) {
					i++
					if w[i] == "!" && i+1 < len(w) {
						not = "!"
						i++
					}
					f[k] = not + w[i]
				}
				not = ""
			}
			r.emit(l.Offset, int64(len(l.Text)), l.Number, f)
		default:
			r.bad(r.src.Damage(l.Offset, int64(len(l.Text)), l.Number, "not a line of iptables-save", nil))
		}
	}
}

// words cuts a rule at blanks outside of quotes.
func words(t string) []string {
	var out []string
	var b strings.Builder
	in, quoted := false, false
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\' && quoted && i+1 < len(t):
			i++
			b.WriteByte(t[i])
		case c == '"':
			quoted, in = !quoted, true
		case (c == ' ' || c == '\t') && !quoted:
			if in {
				out = append(out, b.String())
				b.Reset()
				in = false
			}
		default:
			b.WriteByte(c)
			in = true
		}
	}
	if in {
		out = append(out, b.String())
	}
	return out
}

// verdicts are the words by which a rule of nft acts.
var verdicts = map[string]bool{"accept": true, "drop": true, "reject": true, "queue": true, "return": true, "jump": true, "goto": true, "dnat": true, "snat": true, "masquerade": true, "redirect": true, "tproxy": true, "log": true}

// nft reads a script of nftables: blocks of tables and chains, and commands
// such as "add rule inet filter input ...".
func (r *reader) nft() {
	type block struct{ kind, name string }
	var blocks []block
	deep := 0 // blocks within a rule, as of sets
	var text strings.Builder
	var off, end int64
	number := 0
	flush := func() {
		t := strings.Join(strings.Fields(text.String()), " ")
		text.Reset()
		if t == "" {
			return
		}
		w := strings.Fields(t)
		table, chain := "", ""
		for _, b := range blocks {
			switch b.kind {
			case "table":
				table = b.name
			case "chain":
				chain = b.name
			}
		}
		rule := t
		switch {
		case chain != "":
			if w[0] == "type" && len(w) > 1 { // "type filter hook input priority 0"
				return
			}
			if w[0] == "policy" && len(w) > 1 {
				r.emit(off, end-off, number, map[string]string{"table": table, "chain": chain, "policy": w[1]})
				return
			}
			if w[0] == "comment" {
				return
			}
		case len(blocks) == 0 && len(w) > 5 && (w[0] == "add" || w[0] == "insert") && w[1] == "rule":
			i := 2
			switch w[2] {
			case "ip", "ip6", "inet", "arp", "bridge", "netdev":
				i = 3
			}
			table, chain, rule = strings.Join(w[2:i+1], " "), w[i+1], strings.Join(w[i+2:], " ")
			w = w[i+2:]
		default:
			return
		}
		f := map[string]string{"table": table, "chain": chain, "rule": rule}
		for i := 0; i < len(w); i++ {
			next := func(n int) string {
				if i+n >= len(w) {
					return ""
				}
				if w[i+n] == "{" {
					j := i + n
					for j < len(w) && w[j] != "}" {
						j++
					}
					return strings.Join(w[i+n:min(j+1, len(w))], " ")
				}
				if w[i+n] == "!=" && i+n+1 < len(w) {
					return "!" + w[i+n+1]
				}
				return w[i+n]
			}
			switch {
			case (w[i] == "ip" || w[i] == "ip6") && i+2 < len(w) && w[i+1] == "saddr":
				f["address"] = next(2)
			case (w[i] == "ip" || w[i] == "ip6") && i+2 < len(w) && w[i+1] == "daddr":
				f["dst_address"] = next(2)
			case (w[i] == "tcp" || w[i] == "udp" || w[i] == "th") && i+2 < len(w) && w[i+1] == "dport":
				f["protocol"], f["dst_port"] = w[i], next(2)
			case (w[i] == "tcp" || w[i] == "udp" || w[i] == "th") && i+2 < len(w) && w[i+1] == "sport":
				f["protocol"], f["port"] = w[i], next(2)
			case w[i] == "iif" || w[i] == "iifname":
				f["in"] = strings.Trim(next(1), `"`)
			case w[i] == "oif" || w[i] == "oifname":
				f["out"] = strings.Trim(next(1), `"`)
			case verdicts[w[i]] && (f["action"] == "" || f["action"] == "log"):
				if f["action"] = w[i]; w[i] == "jump" || w[i] == "goto" {
					f["action"] += " " + next(1)
				}
				if w[i] == "dnat" || w[i] == "redirect" {
					if _, to, ok := strings.Cut(strings.Join(w[i:], " "), " to "); ok {
						f["to"] = strings.TrimPrefix(to, ":")
					}
				}
			}
		}
		r.emit(off, end-off, number, f)
	}
	for l, err := range timeline.Lines(r.ctx, r.src) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		t := string(l.Text)
		quoted, more := false, false
		for i := 0; i < len(t) && !r.done; i++ {
			c := t[i]
			if strings.TrimSpace(text.String()) == "" && c != ' ' && c != '\t' {
				text.Reset()
				off, number = l.Offset+int64(i), l.Number
			}
			switch {
			case c == '"':
				quoted = !quoted
				text.WriteByte(c)
			case quoted:
				text.WriteByte(c)
			case c == '#':
				i = len(t)
			case c == '\\' && strings.TrimSpace(t[i+1:]) == "":
				more, i = true, len(t)
			case c == '{':
				w := strings.Fields(text.String())
				if len(w) > 0 && w[0] == "add" {
					w = w[1:]
				}
				if deep == 0 && len(blocks) < maxDepth && len(w) > 0 && (w[0] == "table" || w[0] == "chain" || w[0] == "set" || w[0] == "map" || w[0] == "flowtable" || w[0] == "counter" || w[0] == "quota" || w[0] == "ct" || w[0] == "limit") && (len(blocks) == 0 || blocks[len(blocks)-1].kind == "table") {
					blocks = append(blocks, block{w[0], strings.Join(w[1:], " ")})
					text.Reset()
				} else {
					deep++
					text.WriteString(" { ")
				}
			case c == '}':
				if deep > 0 {
					deep--
					text.WriteString(" } ")
				} else {
					flush()
					if len(blocks) > 0 {
						blocks = blocks[:len(blocks)-1]
					}
				}
			case c == ';' && deep == 0:
				flush()
			default:
				text.WriteByte(c)
			}
			if c != ' ' && c != '\t' && i < len(t) {
				end = l.Offset + int64(i) + 1
			}
		}
		switch {
		case text.Len() > 4*maxText:
			flush()
			deep = 0
		case more || deep > 0:
			text.WriteByte(' ')
		default:
			flush()
		}
	}
	flush()
}

// firewalld reads a zone, a policy, or direct rules.
func (r *reader) firewalld() {
	if r.src.Size > maxXML {
		r.bad(r.src.Damage(0, r.src.Size, 0, "larger than a file of firewalld is", nil))
		return
	}
	data := make([]byte, r.src.Size)
	n, err := r.src.Data.ReadAt(data, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		r.bad(r.src.Damage(int64(n), r.src.Size-int64(n), 0, "cannot be read", err))
	}
	data = data[:n]
	d := xml.NewDecoder(bytes.NewReader(data))
	zone := strings.TrimSuffix(path.Base(r.src.Path), ".xml")
	type open struct {
		off  int64
		name string
	}
	var stack []open
	var rich map[string]string // of a rule that is open
	for !r.done {
		off := d.InputOffset()
		tok, err := d.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			r.bad(r.src.Damage(off, int64(len(data))-off, 0, "not XML from here on", err))
			return
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) >= maxDepth {
				r.bad(r.src.Damage(off, int64(len(data))-off, 0, "elements lie too deep in each other", nil))
				return
			}
			stack = append(stack, open{off, t.Name.Local})
			f := map[string]string{}
			attr := map[string]string{}
			var shown []string
			for _, a := range t.Attr {
				attr[a.Name.Local] = a.Value
				shown = append(shown, a.Name.Local+"="+a.Value)
			}
			text := strings.TrimSpace(t.Name.Local + " " + strings.Join(shown, " "))
			switch t.Name.Local {
			case "zone", "policy":
				if target := attr["target"]; target != "" {
					f["policy"] = target
				}
			case "rule":
				if len(stack) == 2 {
					rich = map[string]string{"zone": zone, "rule": text, "chain": attr["chain"], "table": attr["table"]}
				}
				continue
			case "service":
				f["service"], f["action"] = attr["name"], "accept"
			case "port":
				f["protocol"], f["dst_port"], f["action"] = attr["protocol"], attr["port"], "accept"
			case "source-port":
				f["protocol"], f["port"], f["action"] = attr["protocol"], attr["port"], "accept"
			case "source":
				f["address"] = attr["address"] + attr["mac"] + attr["ipset"]
			case "destination":
				f["dst_address"] = attr["address"]
			case "interface":
				f["in"] = attr["name"]
			case "forward-port":
				f["action"], f["protocol"], f["dst_port"], f["to"] = "forward", attr["protocol"], attr["port"], strings.Trim(attr["to-addr"]+":"+attr["to-port"], ":")
			case "masquerade", "accept", "reject", "drop", "mark":
				f["action"] = t.Name.Local
			case "passthrough", "log", "audit", "icmp-block", "protocol", "chain", "short", "description", "direct", "limit":
				if rich != nil {
					rich["rule"] += " " + text
				}
				continue
			default:
				continue
			}
			if rich != nil {
				rich["rule"] += " " + text
				for k, v := range f {
					if k != "action" || rich["action"] == "" || t.Name.Local == "accept" || t.Name.Local == "reject" || t.Name.Local == "drop" {
						rich[k] = v
					}
				}
				continue
			}
			if len(f) == 0 {
				continue
			}
			f["zone"], f["rule"] = zone, text
			if f["policy"] != "" {
				delete(f, "rule")
			}
			line := 1 + bytes.Count(data[:off], []byte("\n"))
			r.emit(off, d.InputOffset()-off, line, f)
		case xml.CharData:
			if rich != nil {
				if s := strings.TrimSpace(string(t)); s != "" { // the arguments of a direct rule
					rich["rule"] += " " + s
				}
			}
		case xml.EndElement:
			if len(stack) == 0 {
				continue
			}
			top := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if top.name == "rule" && rich != nil && len(stack) == 1 {
				line := 1 + bytes.Count(data[:top.off], []byte("\n"))
				r.emit(top.off, d.InputOffset()-top.off, line, rich)
				rich = nil
			}
		}
	}
}
