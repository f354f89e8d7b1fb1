package host

import "time"

// Subtree is a directory of the server that holds another system's files: a
// container's layer, a machine, a chroot.
type Subtree struct {
	Path    string    // of the directory on the server, free of symbolic links
	Kind    string    // one of the constants SubtreeLayer and following
	Name    string    // of the container or machine; "" if it has none
	Image   string    // what a container or layer was made of: "nginx:1.25"; "" if that is not known
	Merged  string    // where the running container saw all layers together; "" if it is not known
	Layers  []string  // the directories that a container is made of, its own first, then each one's parent
	OS      string    // what the os-release in it says; "" if there is none
	Created time.Time // UTC; zero if it is not known
}

// Kinds of subtrees.
const (
	SubtreeLayer      = "container-layer"       // what one container changed
	SubtreeImageLayer = "container-image-layer" // a part of an image, which containers do not change
	SubtreeContainer  = "container"             // the whole root of a container
	SubtreeChroot     = "chroot"                // a system that chroot or debootstrap made
	SubtreeMachine    = "machine"               // of systemd-nspawn or another manager
	SubtreeSnapshot   = "snapshot"              // an earlier state of a directory of the server
)
