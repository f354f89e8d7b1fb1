// Package host joins the volumes of one server into its own tree, and says
// what the server is: its name, system, kernel, time zone, accounts.
package host

import (
	"time"

	"deadbox/fs/filesystem"
	"deadbox/image/volume"
)

// Mount is one file system at its place in the server's tree.
type Mount struct {
	Image  string // the evidence file's name
	Volume volume.Volume
	FS     filesystem.FileSystem
	Index  *filesystem.Index
	Point  string // "/", "/var"; for a volume that fstab does not name, "/<gpt:3>"
}

// Host is one server.
type Host struct {
	Mounts   []*Mount // the root first, then by Point
	Name     string   // /etc/hostname
	OS       string   // PRETTY_NAME of os-release, or what older release files say
	OSID     string   // ID of os-release: "debian"
	Kernels  []string // versions below /boot and /lib/modules, newest last
	ZoneName string   // "Europe/Berlin"
	Zone     *time.Location
	ZoneFrom string // how the zone is known; "assumed" if it is not
	Accounts []Account
	Notes    []string
	Damage   []error
}

// Account is a line of /etc/passwd.
type Account struct {
	Name  string
	UID   uint32
	GID   uint32
	Home  string
	Shell string
	Line  int
}
