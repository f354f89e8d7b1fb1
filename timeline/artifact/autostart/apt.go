package autostart

import (
	"strings"

	"deadbox/timeline"
)

// maxAptDepth bounds how deep the scopes of a configuration of apt may lie in
// each other.
const maxAptDepth = 64

// apt tells the commands that apt's configuration has it run. The format is
// that of apt.conf(5): "Scope::Name value;", "Scope { ... };", lists of values.
func apt(r *reader) {
	var scope []string // lower case, a name for each open brace
	var names []string // of the statement, before its value
	comment := false
	for l, err := range timeline.Lines(r.ctx, r.src) {
		if r.done {
			return
		}
		if err != nil {
			r.bad(err)
			continue
		}
		text := string(l.Text)
		at := line{off: l.Offset, size: int64(len(l.Text)), number: l.Number}
		for i := 0; i < len(text); {
			c := text[i]
			switch {
			case comment:
				j := strings.Index(text[i:], "*/")
				if j < 0 {
					i = len(text)
					continue
				}
				i += j + 2
				comment = false
			case c == ' ' || c == '\t' || c == '\r':
				i++
			case strings.HasPrefix(text[i:], "//") || c == '#':
				i = len(text)
			case strings.HasPrefix(text[i:], "/*"):
				comment = true
				i += 2
			case c == '{':
				if len(scope) < maxAptDepth {
					scope = append(scope, strings.Join(names, "::"))
				}
				names = nil
				i++
			case c == '}':
				if len(scope) > 0 {
					scope = scope[:len(scope)-1]
				}
				names = nil
				i++
			case c == ';':
				names = nil
				i++
			case c == '"':
				j := i + 1
				for j < len(text) && text[j] != '"' {
					if text[j] == '\\' {
						j++
					}
					j++
				}
				value := text[i+1 : min(j, len(text))]
				i = min(j+1, len(text))
				var parts []string
				for _, p := range append(scope[:len(scope):len(scope)], names...) {
					if p = strings.Trim(p, ":"); p != "" {
						parts = append(parts, p)
					}
				}
				if key := strings.Join(parts, "::"); aptRuns(key) && value != "" && value != "true" && value != "false" {
					r.emit(at, nil, "key", key, "command", strings.ReplaceAll(value, `\"`, `"`))
				}
			default:
				j := i
				for j < len(text) && strings.IndexByte(" \t\r{};\"", text[j]) < 0 {
					j++
				}
				if len(names) < maxAptDepth {
					names = append(names, text[i:j])
				}
				i = j
			}
		}
	}
}

// aptRuns reports whether a setting's value is a command.
func aptRuns(key string) bool {
	key = strings.ToLower(key)
	for _, s := range []string{"::pre-invoke", "::post-invoke", "::post-invoke-success", "::post-invoke-stats", "::pre-install-pkgs", "::proxy-auto-detect", "::proxyautodetect"} {
		if strings.HasSuffix(key, s) {
			return true
		}
	}
	return strings.HasPrefix(key, "aptcli::hooks::") || strings.Contains(key, "::pre-install-pkgs::") && !strings.Contains(key, "::tools::options")
}
