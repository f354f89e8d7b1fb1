package report

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"

	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/image/volume"
	"deadbox/rules"
)

// WriteManifest writes case.json: what was examined and with what, what could
// not be read, what was written. "run", which is there only if the investigation
// carries times of the analyst's clock, is the only member that may differ
// between two runs over the same evidence.
func WriteManifest(w io.Writer, inv *Investigation) error {
	b := []byte{'{'}
	b = append(key(b, "tool"), '{')
	b = str(b, "name", inv.Tool.Name)
	b = str(b, "version", inv.Tool.Version)
	b = strSome(b, "commit", inv.Tool.Commit)
	b = append(b, '}')
	b = strs(b, "command_line", inv.CommandLine)
	if !inv.Started.IsZero() || !inv.Finished.IsZero() {
		b = append(key(b, "run"), '{')
		b = stdTime(b, "started", inv.Started)
		b = stdTime(b, "finished", inv.Finished)
		b = append(b, '}')
	}
	b = appendEvidenceFiles(key(b, "evidence"), inv.Evidence)
	b = appendEvidenceFiles(key(b, "baseline"), inv.Baseline)
	b = each(key(b, "images"), inv.Layouts, appendLayout)
	if inv.Host != nil {
		b = each(key(b, "file_systems"), inv.Host.Mounts, appendMount)
		b = appendHost(key(b, "host"), inv)
	}
	b = append(key(b, "counts"), '{')
	counts := inv.Severities()
	b = append(key(b, "findings"), '{')
	for i := len(counts) - 1; i >= 0; i-- {
		b = num(b, rules.Severity(i).String(), int64(counts[i]))
	}
	b = append(b, '}')
	b = num(b, "files", inv.Counts.Files)
	b = num(b, "inodes", inv.Counts.Inodes)
	b = num(b, "records", inv.Counts.Records)
	b = num(b, "events", inv.Counts.Events)
	b = num(b, "changes", inv.Counts.Changes)
	b = num(b, "explained_changes", inv.Counts.Explained)
	b = num(b, "damage", inv.damageCount())
	b = num(b, "baseline_damage", inv.baselineDamageCount())
	b = append(key(b, "records_by_kind"), '{')
	kinds := make([]string, 0, len(inv.Counts.Kinds))
	for k := range inv.Counts.Kinds {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	for i, k := range kinds {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(AppendJSONString(b, k), ':'), inv.Counts.Kinds[k], 10)
	}
	b = append(b, '}', '}')
	b = stdTime(b, "first_activity", inv.FirstActivity)
	b = stdTime(b, "last_activity", inv.LastActivity)
	b = each(key(b, "damage"), inv.Damage, AppendDamage)
	b = each(key(b, "baseline_damage"), inv.BaselineDamage, AppendDamage)
	b = strs(b, "notes", inv.Notes)
	b = each(key(b, "outputs"), inv.Outputs, func(dst []byte, o *Output) []byte {
		dst = str(append(dst, '{'), "name", o.Name)
		dst = num(dst, "size", o.Size)
		dst = str(dst, "sha256", o.SHA256)
		dst = strSome(dst, "holds", o.Doc)
		return append(dst, '}')
	})
	b = append(b, '}')
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err := w.Write(out.Bytes())
	return err
}

// each appends a list.
func each[T any](dst []byte, list []T, f func([]byte, *T) []byte) []byte {
	dst = append(dst, '[')
	for i := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = f(dst, &list[i])
	}
	return append(dst, ']')
}

func appendEvidenceFiles(dst []byte, list []EvidenceFile) []byte {
	return each(dst, list, func(dst []byte, e *EvidenceFile) []byte {
		dst = str(append(dst, '{'), "path", e.Path)
		dst = num(dst, "size", e.Size)
		dst = strSome(dst, "sha256", e.SHA256)
		if len(e.Segments) > 0 {
			dst = each(key(dst, "segments"), e.Segments, func(dst []byte, s *Segment) []byte {
				dst = str(append(dst, '{'), "path", s.Path)
				dst = num(dst, "offset", s.Offset)
				dst = num(dst, "size", s.Size)
				dst = strSome(dst, "sha256", s.SHA256)
				return append(dst, '}')
			})
		}
		dst = append(key(dst, "lost"), '[')
		for i, r := range e.Lost {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = num(append(dst, '{'), "offset", r.Offset)
			dst = num(dst, "length", r.Length)
			dst = append(strSome(dst, "reason", r.Reason), '}')
		}
		return append(dst, ']', '}')
	})
}

func appendLayout(dst []byte, l *Layout) []byte {
	dst = str(append(dst, '{'), "image", l.Image)
	dst = str(dst, "table", l.Table)
	dst = num(dst, "sector_size", l.SectorSize)
	dst = each(key(dst, "volumes"), l.Volumes, AppendVolume)
	dst = strsSome(dst, "notes", l.Notes)
	return append(dst, '}')
}

// AppendVolume appends the JSON form of a volume.
func AppendVolume(dst []byte, v *volume.Volume) []byte {
	dst = num(append(dst, '{'), "index", int64(v.Index))
	dst = str(dst, "slot", v.Slot)
	dst = num(dst, "offset", v.Offset)
	dst = num(dst, "length", v.Length)
	if v.Missing > 0 {
		dst = num(dst, "missing", v.Missing)
	}
	dst = strconv.AppendBool(key(dst, "allocated"), v.Allocated)
	dst = strSome(dst, "type_id", v.TypeID)
	dst = strSome(dst, "type", v.Type)
	dst = strSome(dst, "label", v.Label)
	dst = strSome(dst, "uuid", v.UUID)
	dst = truth(dst, "bootable", v.Bootable)
	if v.Found != (volume.Signature{}) {
		dst = str(append(key(dst, "found"), '{'), "kind", v.Found.Kind)
		dst = strSome(dst, "label", v.Found.Label)
		dst = append(strSome(dst, "uuid", v.Found.UUID), '}')
	}
	return append(dst, '}')
}

func appendMount(dst []byte, m **host.Mount) []byte {
	mount := *m
	dst = str(append(dst, '{'), "image", mount.Image)
	dst = str(dst, "volume", mount.Volume.Slot)
	dst = num(dst, "offset", mount.Volume.Offset)
	dst = str(dst, "mount_point", mount.Point)
	if mount.FS != nil {
		info := mount.FS.Info()
		dst = infoMembers(dst, &info)
	}
	return append(dst, '}')
}

// AppendInfo appends the JSON form of what a file system says of itself.
func AppendInfo(dst []byte, info *filesystem.Info) []byte {
	return append(infoMembers(append(dst, '{'), info), '}')
}

func infoMembers(dst []byte, info *filesystem.Info) []byte {
	dst = str(dst, "type", info.Type)
	dst = str(dst, "label", info.Label)
	dst = str(dst, "uuid", info.UUID)
	dst = num(dst, "size", info.Size)
	dst = num(dst, "block_size", info.BlockSize)
	dst = unum(dst, "inode_count", info.InodeCount)
	dst = unum(dst, "free_inodes", info.FreeInodes)
	dst = num(dst, "free_bytes", info.FreeBytes)
	dst = strs(dst, "features", info.Features)
	dst = strSome(dst, "last_mounted_on", info.LastMounted)
	dst = moment(dst, "created", info.Created)
	dst = moment(dst, "mounted", info.Mounted)
	dst = moment(dst, "written", info.Written)
	dst = moment(dst, "checked", info.Checked)
	return strs(dst, "notes", info.Notes)
}

func appendHost(dst []byte, inv *Investigation) []byte {
	h := inv.Host
	dst = str(append(dst, '{'), "name", h.Name)
	dst = str(dst, "os", h.OS)
	dst = strSome(dst, "os_id", h.OSID)
	dst = strs(dst, "kernels", h.Kernels)
	dst = str(dst, "time_zone", h.ZoneName)
	dst = str(dst, "time_zone_from", h.ZoneFrom)
	dst = each(key(dst, "accounts"), h.Accounts, func(dst []byte, a *host.Account) []byte {
		dst = str(append(dst, '{'), "name", a.Name)
		dst = unum(dst, "uid", uint64(a.UID))
		dst = unum(dst, "gid", uint64(a.GID))
		dst = str(dst, "home", a.Home)
		dst = str(dst, "shell", a.Shell)
		return append(num(dst, "line", int64(a.Line)), '}')
	})
	dst = each(key(dst, "absent"), h.Absent, func(dst []byte, a *host.Absent) []byte {
		dst = str(append(dst, '{'), "mount_point", a.Point)
		dst = str(dst, "spec", a.Spec)
		return append(str(dst, "type", a.Type), '}')
	})
	dst = strs(dst, "notes", h.Notes)
	return append(dst, '}')
}

// AppendDamage appends the JSON form of a damaged place.
func AppendDamage(dst []byte, d *Damage) []byte {
	dst = append(dst, '{')
	dst = strSome(dst, "image", d.Image)
	dst = strSome(dst, "volume", d.Volume)
	if d.Offset >= 0 {
		dst = num(dst, "offset", d.Offset)
	}
	if d.Inode != 0 {
		dst = unum(dst, "inode", uint64(d.Inode))
	}
	dst = strSome(dst, "path", d.Path)
	return append(str(dst, "what", d.What), '}')
}
