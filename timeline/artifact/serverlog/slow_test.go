package serverlog

import (
	"context"
	"strings"
	"testing"

	"deadbox/timeline"
)

// TestLongLines gives each decoder long lines that are made of what it looks for.
func TestLongLines(t *testing.T) {
	starts := []string{
		"", "[Fri Oct 08 17:08:41.203277 2021] [core:error] [pid 7005:tid 14] [client 192.0.2.7:14532] ", "2022/07/28 16:37:00 [error] 21#22: *16 ", "28-Mar-2022 07:01:48.459 INFO ",
		"Mon Jun  8 12:12:43 2020 [pid 27307] [a] OK UPLOAD: Client \"", "Mon Jun  8 12:12:43 2020 5 192.0.2.1 1234 /a ", "2021-05-28 18:08:34,399 h proftpd[4] h (", "1286536308.779 180 192.0.2.24 TCP_MISS/200 411 GET ",
		"2024-01-01 10:00:00 1rKABC-000001-AB <= a@b ", "2024-01-01 10:00:00 dovecot: imap-login: Login: user=<", "# Time: 2024-01-01T10:00:00Z\n# User@Host: ", "2024-03-05 10:11:12.345 UTC [123] LOG:  statement: COPY t FROM PROGRAM ",
		"1234:M 05 Mar 2024 10:11:12.345 * ", "{\"msg\":\"", "2023-07-31T08:34:16.116872Z\t   14 Query\t",
	}
	parts := []string{" ", ", ", "a=b ", "=", "=<", "\"", "'", "''", "[", "] ", ": ", ":  ", " from ", ", client: ", "\", host: \"", " (", ") ", "FROM PROGRAM $", "PROGRAM '", "password '", "pass\"", " rejected ", "AB:  ", "[id \"", " in ", "\\", "GET ", "H=", "1 ", "["}
	all := []*timeline.Extractor{&WebErrors, &Transfers, &Proxy, &Mail, &Bans, &MySQL, &PostgreSQL, &Redis, &MongoDB}
	for _, start := range starts {
		for _, part := range parts {
			text := start + strings.Repeat(part, 20000/len(part))
			for _, e := range all {
				covered := int64(0)
				for r, err := range e.Run(context.Background(), source("/var/log/x", text)) {
					if err == nil {
						covered += r.Evidence.Length
					}
				}
				// All but the headlines and ends of lines is some record's.
				if covered < int64(len(text))-3 || covered > int64(len(text)) {
					t.Errorf("%s: records cover %d of %d bytes of %q and many of %q", e.Name, covered, len(text), start, part)
				}
			}
		}
	}
}
