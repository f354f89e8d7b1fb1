// Package artifact lists the extractors: what deadbox reads from a server's
// files.
package artifact

import (
	"deadbox/timeline"
	"deadbox/timeline/artifact/accounts"
	"deadbox/timeline/artifact/auditd"
	"deadbox/timeline/artifact/authorizedkeys"
	"deadbox/timeline/artifact/containerlog"
	"deadbox/timeline/artifact/cron"
	"deadbox/timeline/artifact/journald"
	"deadbox/timeline/artifact/serverlog"
	"deadbox/timeline/artifact/settings"
	"deadbox/timeline/artifact/shellhistory"
	"deadbox/timeline/artifact/syslog"
	"deadbox/timeline/artifact/weblog"
)

// All are the extractors, in the order in which their records are made.
var All = []*timeline.Extractor{
	&accounts.Accounts,
	&accounts.Groups,
	&authorizedkeys.Extractor,
	&auditd.Extractor,
	&containerlog.Docker,
	&containerlog.CRI,
	&cron.Extractor,
	&journald.Extractor,
	&settings.Extractor,
	&shellhistory.Extractor,
	&shellhistory.Clients,
	&syslog.Auth,
	&syslog.Extractor,
	&weblog.Extractor,
	&serverlog.WebErrors,
	&serverlog.Proxy,
	&serverlog.Transfers,
	&serverlog.Mail,
	&serverlog.MySQL,
	&serverlog.PostgreSQL,
	&serverlog.Redis,
	&serverlog.MongoDB,
	&serverlog.Bans,
}
