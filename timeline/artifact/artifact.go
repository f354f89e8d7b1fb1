// Package artifact lists the extractors: what deadbox reads from a server's
// files.
package artifact

import (
	"deadbox/timeline"
	"deadbox/timeline/artifact/accounts"
	"deadbox/timeline/artifact/apk"
	"deadbox/timeline/artifact/atjobs"
	"deadbox/timeline/artifact/auditd"
	"deadbox/timeline/artifact/authorizedkeys"
	"deadbox/timeline/artifact/autostart"
	"deadbox/timeline/artifact/browser"
	"deadbox/timeline/artifact/cloudinit"
	"deadbox/timeline/artifact/containerlog"
	"deadbox/timeline/artifact/cron"
	"deadbox/timeline/artifact/desktop"
	"deadbox/timeline/artifact/dpkg"
	"deadbox/timeline/artifact/firewallrules"
	"deadbox/timeline/artifact/journald"
	"deadbox/timeline/artifact/knownhosts"
	"deadbox/timeline/artifact/mounts"
	"deadbox/timeline/artifact/pacman"
	"deadbox/timeline/artifact/pam"
	"deadbox/timeline/artifact/serverlog"
	"deadbox/timeline/artifact/settings"
	"deadbox/timeline/artifact/shellhistory"
	"deadbox/timeline/artifact/software"
	"deadbox/timeline/artifact/sshdconfig"
	"deadbox/timeline/artifact/sudoers"
	"deadbox/timeline/artifact/syslog"
	"deadbox/timeline/artifact/systemd"
	"deadbox/timeline/artifact/utmp"
	"deadbox/timeline/artifact/weblog"
	"deadbox/timeline/artifact/websites"
)

// All are the extractors, in the order in which their records are made.
var All = []*timeline.Extractor{
	&accounts.Accounts,
	&accounts.Groups,
	&accounts.Changes,
	&authorizedkeys.Extractor,
	&knownhosts.Extractor,
	&sudoers.Sudo,
	&sudoers.Doas,
	&pam.Extractor,
	&sshdconfig.Extractor,
	&auditd.Extractor,
	&containerlog.Docker,
	&containerlog.CRI,
	&cron.Extractor,
	&atjobs.Extractor,
	&systemd.Extractor,
	&autostart.Extractor,
	&cloudinit.Extractor,
	&mounts.Mounts,
	&mounts.Boot,
	&firewallrules.Extractor,
	&settings.Extractor,
	&shellhistory.Extractor,
	&shellhistory.Clients,
	&browser.Firefox,
	&browser.Chromium,
	&browser.WgetHSTS,
	&desktop.Recent,
	&desktop.Trash,
	&utmp.Extractor,
	&utmp.LastLog,
	&utmp.Failures,
	&utmp.WtmpDB,
	&utmp.LastLog2,
	&syslog.Auth,
	&syslog.Extractor,
	&journald.Extractor, // after the text logs, which it is compared with
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
	&websites.Sites,
	&websites.Apps,
	&dpkg.Extractor,
	&dpkg.Apt,
	&apk.Extractor,
	&pacman.Extractor,
	&software.Snap,
	&software.Flatpak,
	&software.Python,
	&software.Node,
	&software.Gems,
	&software.Kernels,
}
