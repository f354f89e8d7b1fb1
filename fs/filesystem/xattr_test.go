package filesystem

import (
	enchex "encoding/hex"
	"testing"
)

func TestXattrDecode(t *testing.T) {
	// The values are what setcap, setfacl and chcon wrote.
	tests := []struct {
		name, value string
		want        string
	}{
		{"security.capability", "0100000200200000000000000000000000000000", "cap_net_raw=ep"},
		{"security.capability", "0000000200340000003000000000000000000000", "cap_net_bind_service=p cap_net_admin,cap_net_raw=ip"},
		{"security.capability", "0100000380300000000000000000000000000000e8030000", "cap_setuid,cap_net_admin,cap_net_raw=ep [rootid=1000]"},
		{"security.capability", "01000002ffffffff00000000ff01000000000000", "=ep"},
		{"security.capability", "0100000200000000000000000002000000000000", "41=ep"},
		{"system.posix_acl_access", "0200000001000600ffffffff02000400e803000004000400ffffffff10000400ffffffff20000400ffffffff", "user::rw-,user:1000:r--,group::r--,mask::r--,other::r--"},
		{"system.posix_acl_access", "010000000100060002000400e8030000040004001000040020000400", "user::rw-,user:1000:r--,group::r--,mask::r--,other::r--"},
		{"system.posix_acl_default", "01000000010007000400050020000000", "user::rwx,group::r-x,other::---"},
		{"security.selinux", enchex.EncodeToString([]byte("system_u:object_r:etc_t:s0\x00")), "system_u:object_r:etc_t:s0"},
	}
	for _, tt := range tests {
		value, err := enchex.DecodeString(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := (&Xattr{Name: tt.name, Value: value}).Decode()
		if !ok || got != tt.want {
			t.Errorf("%s %s: got %q %v, want %q", tt.name, tt.value, got, ok, tt.want)
		}
		// A value that is cut short is shown as bytes, not as something else.
		if tt.name == "security.selinux" {
			continue
		}
		for n := range value {
			if got, ok := (&Xattr{Name: tt.name, Value: value[:n]}).Decode(); ok && len(got) >= len(tt.want) {
				t.Errorf("%s cut to %d bytes: got %q", tt.name, n, got)
			}
		}
	}
}

func FuzzXattr(f *testing.F) {
	f.Add("security.capability", []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add("system.posix_acl_access", []byte{1, 0, 0, 0, 1, 0, 6, 0})
	f.Add("system.posix_acl_default", []byte{2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255})
	f.Add("security.selinux", []byte("u:r:t\x00"))
	f.Fuzz(func(t *testing.T, name string, value []byte) {
		text, ok := (&Xattr{Name: name, Value: value}).Decode()
		if !ok && text != "" {
			t.Errorf("%s %x: %q beside false", name, value, text)
		}
		// An entry of eight bytes gives no more than "group:4294967295:rwx,"; a set
		// of 64 bits, three times, no more than its names.
		if len(text) > 3*(8+len(value)*24)+3*64*24 {
			t.Errorf("%d bytes give %d", len(value), len(text))
		}
	})
}
