package firewallrules

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"deadbox/timeline"
)

func source(name, text string) *timeline.Source {
	return &timeline.Source{Path: name, Data: strings.NewReader(text), Size: int64(len(text)), Place: func(off, n int64, line int) timeline.Evidence {
		return timeline.Evidence{Path: name, Offset: off, Length: n, Line: line}
	}}
}

func show(name, text string) []string {
	var out []string
	for r, err := range run(context.Background(), source(name, text)) {
		if err != nil {
			out = append(out, "error "+err.Error())
			continue
		}
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(r.Fields)) {
			if k != "name" && k != "path" {
				parts = append(parts, k+"="+r.Fields[k])
			}
		}
		e := r.Evidence
		out = append(out, strings.Join(parts, "; ")+" <"+text[e.Offset:e.Offset+e.Length]+">")
	}
	return out
}

func TestRules(t *testing.T) {
	tests := []struct {
		path, text string
		want       []string
	}{
		{"/etc/iptables/rules.v4", "# x\n*filter\n:INPUT DROP [0:0]\n:f2b - [0:0]\n-A INPUT -s 192.0.2.0/24 ! -i lo -p tcp -m tcp --dport 22 -m comment --comment \"a b\" -j ACCEPT\n[1:2] -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080\nCOMMIT\nx\n", []string{
			"chain=INPUT; policy=DROP; table=filter <:INPUT DROP [0:0]>",
			"action=ACCEPT; address=192.0.2.0/24; chain=INPUT; comment=a b; dst_port=22; in=!lo; protocol=tcp; rule=-A INPUT -s 192.0.2.0/24 ! -i lo -p tcp -m tcp --dport 22 -m comment --comment \"a b\" -j ACCEPT; table=filter <-A INPUT -s 192.0.2.0/24 ! -i lo -p tcp -m tcp --dport 22 -m comment --comment \"a b\" -j ACCEPT>",
			"action=REDIRECT; chain=PREROUTING; dst_port=80; protocol=tcp; rule=-A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080; table=filter; to=8080 <[1:2] -A PREROUTING -p tcp --dport 80 -j REDIRECT --to-ports 8080>",
			`error "/etc/iptables/rules.v4": line 8, 1 bytes at offset 211: not a line of iptables-save`}},
		{"/etc/nftables.conf", "#!/usr/sbin/nft -f\nflush ruleset\ntable inet filter {\n\tset bad { type ipv4_addr; elements = { 192.0.2.1 } }\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t\tip saddr 192.0.2.0/24 tcp dport { 22,\n\t\t 80 } accept # c\n\t\tiifname \"lo\" accept; udp sport != 53 log prefix \"a; {b\" drop\n\t}\n}\nadd rule ip nat prerouting tcp dport 80 redirect to :8080\n", []string{
			"chain=input; policy=drop; table=inet filter <policy drop>",
			"action=accept; address=192.0.2.0/24; chain=input; dst_port={ 22, 80 }; protocol=tcp; rule=ip saddr 192.0.2.0/24 tcp dport { 22, 80 } accept; table=inet filter <ip saddr 192.0.2.0/24 tcp dport { 22,\n\t\t 80 } accept>",
			"action=accept; chain=input; in=lo; rule=iifname \"lo\" accept; table=inet filter <iifname \"lo\" accept>",
			"action=drop; chain=input; port=!53; protocol=udp; rule=udp sport != 53 log prefix \"a; {b\" drop; table=inet filter <udp sport != 53 log prefix \"a; {b\" drop>",
			"action=redirect; chain=prerouting; dst_port=80; protocol=tcp; rule=tcp dport 80 redirect to :8080; table=ip nat; to=8080 <add rule ip nat prerouting tcp dport 80 redirect to :8080>"}},
		{"/etc/firewalld/zones/public.xml", "<?xml version=\"1.0\"?>\n<zone target=\"DROP\">\n <short>Public</short>\n <service name=\"ssh\"/>\n <port protocol=\"tcp\" port=\"31337\"/>\n <rule family=\"ipv4\">\n  <source address=\"192.0.2.7\"/>\n  <port protocol=\"tcp\" port=\"80\"/>\n  <drop/>\n </rule>\n</zone>\n<", []string{
			"policy=DROP; zone=public <<zone target=\"DROP\">>",
			"action=accept; rule=service name=ssh; service=ssh; zone=public <<service name=\"ssh\"/>>",
			"action=accept; dst_port=31337; protocol=tcp; rule=port protocol=tcp port=31337; zone=public <<port protocol=\"tcp\" port=\"31337\"/>>",
			"action=drop; address=192.0.2.7; dst_port=80; protocol=tcp; rule=rule family=ipv4 source address=192.0.2.7 port protocol=tcp port=80 drop; zone=public <<rule family=\"ipv4\">\n  <source address=\"192.0.2.7\"/>\n  <port protocol=\"tcp\" port=\"80\"/>\n  <drop/>\n </rule>>",
			"error \"/etc/firewalld/zones/public.xml\": 1 bytes at offset 242: not XML from here on: XML syntax error on line 12: unexpected EOF"}},
		{"/etc/firewalld/direct.xml", "<direct>\n<rule ipv=\"ipv4\" table=\"filter\" chain=\"INPUT\" priority=\"0\">-p tcp --dport 1 -j ACCEPT</rule>\n</direct>\n", []string{
			"chain=INPUT; rule=rule ipv=ipv4 table=filter chain=INPUT priority=0 -p tcp --dport 1 -j ACCEPT; table=filter; zone=direct <<rule ipv=\"ipv4\" table=\"filter\" chain=\"INPUT\" priority=\"0\">-p tcp --dport 1 -j ACCEPT</rule>>"}},
	}
	for _, tt := range tests {
		if got := show(tt.path, tt.text); !slices.Equal(got, tt.want) {
			t.Errorf("%s:\ngot  %s\nwant %s", tt.path, strings.Join(got, "\n     "), strings.Join(tt.want, "\n     "))
		}
	}
}

func FuzzRules(f *testing.F) {
	f.Add("/etc/iptables/rules.v4", "*filter\n:A B\n-A C -s ! d -j E\n")
	f.Add("/etc/nftables.conf", "table a b {\nchain c { type x; policy d; ip saddr { e,\nf } jump g\n}}\nadd rule ip x y tcp dport 1 dnat to a\n\\\n")
	f.Add("/etc/firewalld/zones/a.xml", "<zone target=\"x\"><rule><source address='a'/><b/></rule></zone>")
	f.Fuzz(func(t *testing.T, name, text string) {
		for r, err := range run(context.Background(), source(name, text)) {
			if err != nil {
				continue
			}
			e := r.Evidence
			if r.Fields["name"] == "" || e.Offset < 0 || e.Length < 1 || e.Offset+e.Length > int64(len(text)) || r.Fields["rule"] == "" && r.Fields["policy"] == "" {
				t.Fatalf("%+v", r)
			}
		}
	})
}
