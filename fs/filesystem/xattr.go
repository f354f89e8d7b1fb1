package filesystem

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Decode says what the value of an extended attribute means: capabilities in
// the form of cap_to_text(3), access control lists in the short form of
// acl_to_text(3) with numbers for names, the label of SELinux. It gives false for a
// value whose form is not known, or that is damaged. The text may hold any bytes
// that the image holds.
func (x *Xattr) Decode() (text string, ok bool) {
	switch x.Name {
	case "security.capability":
		return DecodeCapability(x.Value)
	case "system.posix_acl_access", "system.posix_acl_default":
		return DecodeACL(x.Value)
	case "security.selinux":
		return decodeLabel(x.Value)
	}
	return "", false
}

// decodeLabel reads a label of SELinux, which ends in a NUL or does not.
func decodeLabel(b []byte) (string, bool) {
	s := strings.TrimSuffix(string(b), "\x00")
	if s == "" || strings.ContainsRune(s, 0) {
		return "", false
	}
	return s, true
}

// capabilities are the names of the bits, from capability 0.
// include/uapi/linux/capability.h
var capabilities = [...]string{
	"cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid", "cap_setuid",
	"cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast", "cap_net_admin", "cap_net_raw",
	"cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio", "cap_sys_chroot", "cap_sys_ptrace", "cap_sys_pacct",
	"cap_sys_admin", "cap_sys_boot", "cap_sys_nice", "cap_sys_resource", "cap_sys_time", "cap_sys_tty_config", "cap_mknod",
	"cap_lease", "cap_audit_write", "cap_audit_control", "cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog",
	"cap_wake_alarm", "cap_block_suspend", "cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore",
}

// DecodeCapability reads struct vfs_cap_data, little-endian, revisions 1 to 3,
// and writes it in the form of cap_to_text(3): "cap_net_raw=ep". Capabilities that
// have no name here are numbers; the user id of revision 3, whose user namespace
// they are for, follows in brackets. It gives false for anything else.
// include/uapi/linux/capability.h
func DecodeCapability(b []byte) (string, bool) {
	const (
		revisionMask  = 0xff000000
		flagEffective = 0x000001
	)
	if len(b) < 4 {
		return "", false
	}
	le := binary.LittleEndian
	magic := le.Uint32(b)
	words, rootID := 0, -1
	switch revision := magic & revisionMask >> 24; {
	case revision == 1 && len(b) == 12:
		words = 1
	case revision == 2 && len(b) == 20:
		words = 2
	case revision == 3 && len(b) == 24:
		words, rootID = 2, int(le.Uint32(b[20:]))
	default:
		return "", false
	}
	var permitted, inheritable uint64
	for i := range words {
		permitted |= uint64(le.Uint32(b[4+8*i:])) << (32 * i)
		inheritable |= uint64(le.Uint32(b[8+8*i:])) << (32 * i)
	}
	e := ""
	if magic&flagEffective != 0 {
		e = "e"
	}
	var clauses []string
	clause := func(bits uint64, flags string) {
		if bits == 0 {
			return
		}
		if bits == 1<<len(capabilities)-1 {
			clauses = append(clauses, "="+flags)
			return
		}
		var names []string
		for i := range 64 {
			if bits>>i&1 == 0 {
				continue
			}
			if i < len(capabilities) {
				names = append(names, capabilities[i])
			} else {
				names = append(names, strconv.Itoa(i))
			}
		}
		clauses = append(clauses, strings.Join(names, ",")+"="+flags)
	}
	clause(permitted&^inheritable, e+"p")
	clause(permitted&inheritable, e+"ip")
	clause(inheritable&^permitted, e+"i")
	if clauses == nil {
		clauses = []string{"="}
	}
	text := strings.Join(clauses, " ")
	if rootID >= 0 {
		text += fmt.Sprintf(" [rootid=%d]", rootID)
	}
	return text, true
}

// DecodeACL reads a POSIX access control list in either of its two forms and
// writes the short form of acl_to_text(3), with numbers for names:
// "user::rw-,user:1000:r--". It gives false for anything else. Version 1 is what ext4 keeps on the disk (fs/ext4/acl.h), version 2 what the kernel hands
// to programs (include/uapi/linux/posix_acl_xattr.h); both are little-endian.
func DecodeACL(b []byte) (string, bool) {
	le := binary.LittleEndian
	if len(b) < 4 {
		return "", false
	}
	version := le.Uint32(b)
	if version != 1 && version != 2 {
		return "", false
	}
	var entries []string
	for b = b[4:]; len(b) > 0; {
		if len(b) < 4 {
			return "", false
		}
		tag, perm := le.Uint16(b), le.Uint16(b[2:])
		named := tag == 0x02 || tag == 0x08
		b = b[4:]
		id := ""
		if version == 2 || named {
			if len(b) < 4 {
				return "", false
			}
			if named {
				id = strconv.FormatUint(uint64(le.Uint32(b)), 10)
			}
			b = b[4:]
		}
		var who string
		switch tag {
		case 0x01, 0x02:
			who = "user"
		case 0x04, 0x08:
			who = "group"
		case 0x10:
			who = "mask"
		case 0x20:
			who = "other"
		default:
			return "", false
		}
		if perm > 7 {
			return "", false
		}
		rwx := []byte("rwx")
		for i := range rwx {
			if perm>>(2-i)&1 == 0 {
				rwx[i] = '-'
			}
		}
		entries = append(entries, who+":"+id+":"+string(rwx))
	}
	return strings.Join(entries, ","), true
}
