package builtin

import "strings"

// A value is looked at as SQL would: as words, numbers and signs. Words in a
// row that only SQL has, or a quote that is broken out of and followed by a
// comparison or a comment, make it an injection. Words alone, as they come in
// a sentence, do not.

type sqlToken struct {
	kind byte // 'w' word, 'n' number, else the sign itself; 'o' for || and &&
	text string
}

const maxSQLTokens = 384

// sqlTokens cuts a value, in lower case, into tokens. Comments count as
// blanks, but for those that MySQL runs.
func sqlTokens(s string, out []sqlToken) []sqlToken {
	out = out[:0]
	for i := 0; i < len(s) && len(out) < maxSQLTokens; {
		c := s[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f' || c == 0xa0:
			i++
		case c == '/' && i+1 < len(s) && s[i+1] == '*':
			if i+2 < len(s) && s[i+2] == '!' {
				i += 3
				for i < len(s) && s[i] >= '0' && s[i] <= '9' {
					i++
				}
				continue
			}
			j := strings.Index(s[i+2:], "*/")
			if j < 0 {
				out = append(out, sqlToken{'-', "--"}) // the rest is a comment
				return out
			}
			i += j + 4
		case c == '*' && i+1 < len(s) && s[i+1] == '/':
			i += 2
		case c >= '0' && c <= '9':
			j := i + 1
			for j < len(s) && (isWord(s[j]) || s[j] == '.' && j+1 < len(s) && s[j+1] >= '0' && s[j+1] <= '9') {
				j++
			}
			k := byte('n')
			t := s[i:j]
			if strings.Trim(t, "0123456789.") != "" && !strings.HasPrefix(t, "0x") && strings.Trim(t, "0123456789.e") != "" {
				k = 'w'
			}
			out = append(out, sqlToken{k, t})
			i = j
		case isWord(c) || c == '@':
			j := i + 1
			for j < len(s) && (isWord(s[j]) || s[j] == '@' || s[j] == '$') {
				j++
			}
			out = append(out, sqlToken{'w', s[i:j]})
			i = j
		case (c == '|' || c == '&') && i+1 < len(s) && s[i+1] == c:
			out = append(out, sqlToken{'o', s[i : i+2]})
			i += 2
		case c == '-' && i+1 < len(s) && s[i+1] == '-':
			out = append(out, sqlToken{'-', "--"})
			i += 2
		case c == '<' && i+1 < len(s) && (s[i+1] == '>' || s[i+1] == '='), c == '>' && i+1 < len(s) && s[i+1] == '=', c == '!' && i+1 < len(s) && s[i+1] == '=':
			out = append(out, sqlToken{'=', s[i : i+2]})
			i += 2
		default:
			out = append(out, sqlToken{c, s[i : i+1]})
			i++
		}
	}
	return out
}

// sqlFunctions make a database wait, talk or err; nobody writes them by chance.
var sqlFunctions = set(`benchmark pg_sleep extractvalue updatexml load_file randomblob regexp_substring xp_cmdshell xp_dirtree generate_series gtid_subset gtid_subtract json_keys load_extension
	dblink_connect sys_eval sys_exec utl_http utl_inaddr dbms_pipe dbms_lock dbms_utility dbms_xmlgen ctxsys make_set crypt_key xmltype row_count lo_import name_const
	group_concat concat_ws unhex ascii hex char chr elt sleep waitfor rlike substring substr mid ord version database current_user floor count convert cast if iif case nullif exp pow sqlite_version
	analyse polygon geometrycollection multipoint linestring`)

// strongFunctions need no more of SQL around them.
var strongFunctions = set(`benchmark pg_sleep extractvalue updatexml load_file randomblob regexp_substring xp_cmdshell xp_dirtree gtid_subset gtid_subtract load_extension dblink_connect sys_eval
	utl_http utl_inaddr dbms_pipe dbms_lock dbms_utility dbms_xmlgen ctxsys make_set crypt_key xmltype generate_series json_keys`)

var sqlCatalogues = set(`information_schema sysobjects syscolumns pg_catalog sqlite_master all_users all_tables user_tables sysibm rdb$fields rdb$database msysaccessobjects sysusers
	pg_user pg_shadow dba_users master..sysdatabases innodb_table_stats`)

var sqlConnectives = set("and or xor where having when not rlike regexp on then")
var sqlComparisons = set("like rlike regexp in between is similar")
var sqlStatements = set("select insert update delete drop exec execute declare shutdown begin waitfor create alter truncate if iif call copy grant")

// isSQLInjection judges a decoded value.
func isSQLInjection(value string) bool {
	if len(value) < 5 {
		return false
	}
	l := strings.ToLower(value)
	var buf [maxSQLTokens]sqlToken
	t := sqlTokens(l, buf[:0])
	if len(t) < 2 {
		return len(t) == 1 && sqlCatalogues[t[0].text]
	}
	at := func(i int) sqlToken {
		if i >= 0 && i < len(t) {
			return t[i]
		}
		return sqlToken{}
	}
	word := func(i int, w string) bool { k := at(i); return k.kind == 'w' && k.text == w }
	quote := func(k sqlToken) bool { return k.kind == '\'' || k.kind == '"' || k.kind == '`' }
	skip := func(i int) (next, quotes int) {
		for ; i < len(t); i++ {
			switch k := t[i]; {
			case quote(k):
				quotes++
			case k.kind == '(' || k.kind == ')' || k.kind == '!' || k.kind == '~' || k.kind == '+' || k.kind == '%' || k.kind == ' ':
			case k.kind == '-' && k.text == "-":
			case k.kind == 'w' && (k.text == "not" || k.text == "binary"):
			default:
				return i, quotes
			}
		}
		return i, quotes
	}
	broken := false     // a quote, bracket or end of statement before
	var seen [256]uint8 // how many of each quote
	for i := range t {
		k := t[i]
		prev, next := at(i-1), at(i+1)
		switch {
		case quote(k):
			broken = true
			seen[k.kind]++
			if seen[k.kind]%2 == 0 {
				break
			}
			// A quote that closes what the application opened, and the rest of the
			// statement made a comment.
			n, _ := skip(i + 1)
			if c := at(n); n < len(t) && (c.kind == '-' && c.text == "--" && (n == len(t)-1 || at(n+1).kind != 'w' || n == i+1) || c.kind == '#' && n == len(t)-1) && (i > 0 || n == i+1) {
				if c.kind == '-' || prev.kind != 0 && n == i+1 || prev.kind == 0 && n == len(t)-1 {
					return true
				}
			}
		case k.kind == ';' || k.kind == ')':
			broken = true
		}
		if k.kind == ';' && next.kind == 'w' && sqlStatements[next.text] && stackedStatement(t[i+1:]) {
			return true
		}
		if k.kind == 'o' || k.kind == 'w' && sqlConnectives[k.text] {
			if sqlComparison(t, i, skip) {
				return true
			}
		}
		if k.kind != 'w' {
			continue
		}
		w := k.text
		switch {
		case sqlCatalogues[w] && (next.kind == '.' || broken || prev.kind == 'w' || w == "information_schema"):
			return true
		case next.kind == '(' && strongFunctions[w], next.kind == '.' && (w == "dbms_pipe" || w == "dbms_lock" || w == "dbms_utility" || w == "ctxsys" || w == "utl_http" || w == "utl_inaddr" || w == "dbms_xmlgen") && at(i+2).kind == 'w':
			return true
		case w == "union":
			j := i + 1
			for word(j, "all") || word(j, "distinct") || at(j).kind == '(' {
				j++
			}
			if word(j, "select") && (j > i+1 || prev.kind != 0 && prev.kind != 'w' || selectsValues(t, j)) {
				return true
			}
		case w == "select":
			if prev.kind == '(' || prev.kind == ';' || quote(prev) || prev.kind == '|' || prev.kind == 'o' || prev.kind == '=' || prev.kind == ',' || prev.kind == ')' {
				if selectsValues(t, i) {
					return true
				}
			}
		case w == "sleep" || w == "elt" || w == "rlike" || w == "waitfor" || w == "exp" || w == "floor" || w == "if" || w == "iif":
			switch {
			case w == "waitfor" && (word(i+1, "delay") || word(i+1, "time")):
				return true
			case next.kind != '(':
			case w == "sleep" && at(i+2).kind == 'n' && at(i+3).kind == ')' && (i == 0 || prev.kind != '.') && (broken || i == 0 || prev.kind == 'w' || prev.kind == '(' || prev.kind == '-' || prev.kind == '=' || prev.kind == '*' || prev.kind == 'o' || prev.kind == ','):
				return true
			case w == "elt" && at(i+2).kind == 'n':
				return true
			case (w == "if" || w == "iif") && at(i+2).kind == 'n' && at(i+3).kind == '=' && at(i+4).kind == 'n':
				return true
			case w == "floor" && word(i+2, "rand"):
				return true
			}
		case w == "into" && (word(i+1, "outfile") || word(i+1, "dumpfile")):
			return true
		case w == "procedure" && word(i+1, "analyse"):
			return true
		case (w == "char" || w == "chr") && next.kind == '(' && at(i+2).kind == 'n' && at(i+3).kind == ')' && (at(i+4).kind == 'o' || at(i+4).kind == '+' && (word(i+5, "char") || word(i+5, "chr"))):
			return true
		case w == "concat" && next.kind == '(' && (strings.HasPrefix(at(i+2).text, "0x") || word(i+2, "char") || word(i+2, "chr")):
			return true
		case w == "order" && word(i+1, "by") && at(i+2).kind == 'n' && (at(i+3).kind == '-' || at(i+3).kind == '#' || (broken || prev.kind == 'n') && i+3 >= len(t)):
			return true
		case w == "group" && word(i+1, "by") && (broken && (at(i+3).kind == '-' || word(i+3, "having"))):
			return true
		case w == "exec" && (word(i+1, "master") || strings.HasPrefix(at(i+1).text, "xp_") || strings.HasPrefix(at(i+1).text, "sp_")):
			return true
		}
	}
	return false
}

// selectsValues reports whether what follows "select" is what a statement
// has, and no sentence.
func selectsValues(t []sqlToken, i int) bool {
	if i+1 >= len(t) {
		return true
	}
	n := t[i+1]
	switch n.kind {
	case 'n', '*', '@', '\'', '"', '(', '-', '~', '`':
		return true
	case 'w':
		switch n.text {
		case "null", "case", "count", "char", "chr", "concat", "cast", "user", "version", "database", "distinct", "top", "load_file", "group_concat", "sleep", "benchmark", "pg_sleep", "if", "ifnull", "convert", "unhex", "hex", "substring", "row_number", "like":
			return i+2 < len(t) && t[i+2].kind != 'w' || i+2 < len(t) && t[i+2].text == "from" || n.text == "null" || n.text == "case" && i+2 < len(t) && t[i+2].text == "when" ||
				(n.text == "distinct" || n.text == "top") && i+3 < len(t)
		}
		if strings.HasPrefix(n.text, "@@") {
			return true
		}
		if i+2 < len(t) {
			m := t[i+2]
			if m.kind == '(' || m.kind == ',' || m.kind == '.' {
				return true
			}
			if m.kind == 'w' && m.text == "from" && i+3 < len(t) && i+4 <= len(t) {
				// "(select x from y)": a sentence seldom has two single words here.
				return i+4 == len(t) || t[i+4].kind != 'w' || t[i+4].text == "where" || t[i+4].text == "limit" || t[i+4].text == "order"
			}
		}
	}
	return false
}

// stackedStatement judges what follows a semicolon.
func stackedStatement(t []sqlToken) bool {
	is := func(i int, words ...string) bool {
		if i >= len(t) || t[i].kind != 'w' {
			return false
		}
		for _, w := range words {
			if t[i].text == w {
				return true
			}
		}
		return false
	}
	switch t[0].text {
	case "select":
		return selectsValues(t, 0)
	case "drop", "create", "alter", "truncate":
		return is(1, "table", "database", "user", "schema", "view", "procedure", "function", "login", "or")
	case "insert":
		return is(1, "into")
	case "delete":
		return is(1, "from")
	case "update":
		return is(2, "set") && len(t) > 4 && t[4].kind == '='
	case "exec", "execute":
		return is(1, "master", "sp_executesql", "immediate") || len(t) > 1 && (strings.HasPrefix(t[1].text, "xp_") || strings.HasPrefix(t[1].text, "sp_") || t[1].kind == '(')
	case "declare":
		return len(t) > 1 && strings.HasPrefix(t[1].text, "@")
	case "shutdown":
		return len(t) == 1 || t[1].kind != 'w'
	case "waitfor":
		return is(1, "delay", "time")
	case "begin":
		return len(t) > 3 && (t[1].kind == 'w' && (t[2].kind == '.' || t[2].kind == '('))
	case "if", "iif":
		return len(t) > 3 && t[1].kind == '('
	case "call":
		return len(t) > 2 && t[2].kind == '('
	case "copy":
		return len(t) > 3 && (is(2, "from", "to") || t[1].kind == '(')
	case "grant":
		return is(1, "all", "select")
	}
	return false
}

// sqlComparison reports whether a connective at i is followed by a comparison
// that only an injection holds: two numbers, or quoted texts.
func sqlComparison(t []sqlToken, i int, skip func(int) (int, int)) bool {
	a, q1 := skip(i + 1)
	if a >= len(t) {
		return false
	}
	left := t[a]
	b := a
	switch {
	case left.kind == '=' && q1 >= 2: // '' = '
		return true
	case left.kind == 'w' || left.kind == 'n':
		b = a + 1
	default:
		return false
	}
	// A call as the left side: ascii(substr(...)) > 64 ends with brackets.
	if left.kind == 'w' && b < len(t) && t[b].kind == '(' && sqlFunctions[left.text] {
		depth := 0
		for b < len(t) {
			if t[b].kind == '(' {
				depth++
			} else if t[b].kind == ')' {
				depth--
			}
			b++
			if depth == 0 {
				break
			}
		}
		if b < len(t) && (t[b].kind == '=' || t[b].kind == '<' || t[b].kind == '>') {
			return true
		}
		return false
	}
	c, q2 := skip(b)
	if c >= len(t) {
		return false
	}
	cmp := t[c]
	signs := cmp.kind == '=' || cmp.kind == '<' || cmp.kind == '>'
	if !signs && !(cmp.kind == 'w' && sqlComparisons[cmp.text]) {
		return false
	}
	if cmp.kind == 'w' && (cmp.text == "is" || cmp.text == "in" || cmp.text == "like" && left.kind == 'w') && q1+q2 == 0 {
		return false
	}
	d, q3 := skip(c + 1)
	if d >= len(t) {
		return q1+q2+q3 >= 2 && signs
	}
	right := t[d]
	switch {
	case left.kind == 'n' && right.kind == 'n':
		return true
	case left.kind == 'n' && right.kind == 'w':
		return d+1 < len(t) && (t[d+1].kind == '(' || t[d+1].kind == '.') || right.text == "select" || q1+q2+q3 >= 2
	case left.kind == 'w' && (right.kind == 'w' || right.kind == 'n'):
		return q1 >= 1 && q1+q2 >= 2 && q3 >= 1 || signs && q1+q2+q3 >= 3 || right.text == "select" && signs
	}
	return false
}
