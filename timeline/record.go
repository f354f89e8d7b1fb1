// Package timeline holds what a server's disk says, as records with their
// evidence, and puts it in order.
//
// A [Record] is one thing that the image says: a file, a line of a log, an
// account, a changed file. A timeline event is a record at one of its stamps.
// There is no second type for events or facts.
package timeline

import (
	"deadbox/fs/filesystem"
	"time"
)

// Kinds of records. An extractor's records carry the kind that it names.
const (
	KindFile          = "file"           // an inode under one of its names
	KindCommand       = "command"        // a line of a history: of a shell, an editor, a database's client
	KindAuth          = "auth"           // a message about authentication, sessions or accounts, from whichever log
	KindSyslog        = "syslog"         // any other message of the system's logs and of the journal
	KindLogin         = "login"          // a record of wtmp, btmp, utmp, lastlog and their successors
	KindAudit         = "audit"          // an event of the kernel's audit
	KindWebAccess     = "web-access"     // a request in a web server's access log
	KindWebError      = "web-error"      // a message of a web server, or of what it runs
	KindProxy         = "proxy"          // a request that a proxy served
	KindTransfer      = "transfer"       // a file that went over FTP, and what an FTP server logs besides
	KindMail          = "mail"           // a message of a mail server
	KindDatabase      = "database"       // a message or a statement in a database's log
	KindFirewall      = "firewall"       // a packet that a firewall logged, an address that was banned
	KindAccount       = "account"        // passwd and shadow joined, an account each
	KindGroup         = "group"          // a line of group
	KindAuthorizedKey = "authorized-key" // a line of authorized_keys
	KindKnownHost     = "known-host"     // a line of known_hosts
	KindCron          = "cron"           // a line of a crontab, a job of at
	KindAutostart     = "autostart"      // a program that starts by itself
	KindSetting       = "setting"        // a line of configuration
	KindEffective     = "effective"      // what several lines of configuration come to
	KindPackage       = "package"        // an installed package, or a program's library from a language's own packages
	KindPackageEvent  = "package-event"  // a package was installed, upgraded, removed
	KindKernel        = "kernel"         // a kernel or initial RAM disk that is installed
	KindContainer     = "container"      // a container or an image of one
	KindSite          = "site"           // a site of a web server, with its root
	KindWebApp        = "web-app"        // a web application that was recognised in a web root
	KindVisit         = "visit"          // a page that a browser visited
	KindDownload      = "download"       // a file that was downloaded
	KindRecent        = "recent"         // a file that a desktop or an editor remembers
	KindTrash         = "trash"          // a file in the trash
	KindDeleted       = "deleted"        // a file that was deleted, or content that a file lost, in one version
	KindChange        = "change"         // a difference from the baseline
	KindStrings       = "strings"        // the telling strings of a program that no baseline knows
)

// Record is one thing that the image says.
type Record struct {
	Kind      string
	Extractor string            // the name of the extractor that read it; "" of what no extractor did
	Summary   string            // one line for people; hostile bytes are escaped when it is printed, not here
	Stamps    []Stamp           // none where the source has no times
	Fields    map[string]string // what rules and searches look at; keys are lower_case, the field's standard words
	File      *File             // of KindFile and KindChange: the inode; nil in others
	Change    *Change           // of KindChange
	Evidence  Evidence
}

// Stamp is one time of a record.
type Stamp struct {
	What string    // "modified", "accessed", "changed", "born", "deleted", "logged", "ran", ...
	When time.Time // UTC
	Note string    // how it is known, where the source does not say it whole: "year inferred from the file's modification time"
}

// Evidence says where on the image a record was read.
type Evidence struct {
	Image  string          // the evidence file's name
	Volume string          // volume's slot: "gpt:1", "mbr:5", "bare"
	Inode  filesystem.Inum // 0 if none
	Path   string          // on the server
	Offset int64           // in the image, of the bytes that say it; -1 if they have no single place
	Length int64           // of those bytes in the image
	Line   int             // of a text file, from 1; 0 if it has none
	Packed string          // the packing, "gzip" or another, where Line counts in the unpacked file, and Offset and Length cover the packed one
}

// File is the metadata of a file under one of its names.
type File struct {
	Path      string // on the server, from its root; may hold bytes that are not UTF-8
	Inode     filesystem.Inum
	Type      filesystem.FileType
	Mode      filesystem.Mode
	UID, GID  uint32
	Links     uint32
	Size      int64
	Times     filesystem.Times
	Flags     filesystem.Flags
	Target    string // of a symbolic link
	Xattrs    []filesystem.Xattr
	Deleted   bool   // the name is deleted
	Unalloc   bool   // the inode is not allocated
	Orphan    bool   // no name leads to the inode
	SHA256    string // lower-case hexadecimal, where the content was read
	Magic     string // what the first bytes say, where they were read: "elf", "script", "php", "gzip", ...; "" otherwise
	Interp    string // of a script: the interpreter's path
	InPackage bool   // a package of the server's own package database lists the path; in another system's files, which a server keeps as containers or chroots, one of that system's, or that is not known
}

// Change is a difference between the image and the baseline.
type Change struct {
	What   string // "added", "content", "metadata", "deleted", "type"
	Before *File  // in the baseline; nil if added
	After  *File  // in the image; nil if deleted
	// Differs names the fields that differ, sorted: "content", "mode", "owner", "size", "modified", "changed",
	// "born", "flags", "xattrs", "target", "links", "inode".
	Differs []string
}
