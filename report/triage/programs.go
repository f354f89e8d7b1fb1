package triage

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"slices"
	"strings"

	"deadbox/fs/content"
	"deadbox/fs/filesystem"
	"deadbox/fs/host"
	"deadbox/report"
)

// program is a file that is read for its hashes, for clamd, or for both.
type program struct {
	node   host.Node
	names  []string // sorted
	exec   bool     // somebody may execute it
	scan   bool     // clamd is to see it
	hashed bool
	md5    [md5.Size]byte
	sha1   [sha1.Size]byte
	sha256 [sha256.Size]byte
	found  string // what clamd calls it
	asked  bool
	failed error // of clamd
	damage error // of the reading
}

// elfHeader is the least that an ELF file takes.
const elfHeader = 52

// programs reads every program once, in the order of the disk: those that somebody
// may execute, and those that begin like ELF. With a scanner the collected files are
// read, too.
func (c *collector) programs(files map[string]*file, scanner *clamd) ([]program, error) {
	if !c.opt.Hash && scanner == nil {
		return nil, nil
	}
	byNode := map[host.Node]int{}
	var list []program
	for i := range c.rows {
		r := &c.rows[i]
		if r.mode.Type() != filesystem.Regular {
			continue
		}
		node := host.Node{Mount: c.h.Mounts[r.mount], Inum: r.inum}
		selected := scanner != nil && files[r.path] != nil
		if r.mode&0o111 == 0 && r.size < elfHeader && !selected {
			continue
		}
		at, ok := byNode[node]
		if !ok {
			at = len(list)
			byNode[node] = at
			list = append(list, program{node: node, exec: r.mode&0o111 != 0})
		}
		p := &list[at]
		p.names = append(p.names, r.path)
		p.scan = p.scan || selected
	}
	layouts := make([]content.Layout, len(list))
	refused := make([]error, len(list))
	err := content.InDiskOrder(c.ctx, len(list), 0, func(i int) int64 { return int64(list[i].node.Inum) }, func(w *content.Worker, i int) {
		body, err := w.Open(list[i].node.Mount.FS, list[i].node.Inum)
		if body != nil {
			layouts[i] = content.LayoutOf(body)
		}
		refused[i] = err
	})
	if err != nil {
		return nil, err
	}
	// Only what is read whole is put to the ledger: of the rest the first bytes are
	// looked at.
	ledgers := map[*host.Mount]*content.Ledger{}
	total := int64(0)
	for i := range list {
		m := list[i].node.Mount
		if ledgers[m] == nil {
			ledgers[m] = &content.Ledger{Room: m.Room()}
		}
		if refused[i] != nil {
			continue
		}
		if list[i].exec || list[i].scan {
			refused[i] = ledgers[m].Admit(layouts[i])
			total += layouts[i].Data
		} else if layouts[i].Data > c.opt.MaxFile {
			refused[i] = fmt.Errorf("not read whole: %d bytes", layouts[i].Data)
		}
	}
	label := "hashing programs"
	if scanner != nil {
		label += " and asking clamd"
	}
	c.begin(label, total)
	err = content.InDiskOrder(c.ctx, len(list), 0, func(i int) int64 { return layouts[i].First }, func(w *content.Worker, i int) {
		c.readProgram(w, &list[i], refused[i], scanner)
		if list[i].exec || list[i].scan {
			c.progress(layouts[i].Data)
		}
	})
	if err != nil {
		return nil, err
	}
	for i := range list {
		p := &list[i]
		if p.damage != nil {
			c.fail(p.names[0], p.node.Mount, p.node.Inum, p.damage)
		}
		if p.failed != nil {
			c.fail(p.names[0], nil, 0, fmt.Errorf("clamd: %w", p.failed))
		}
		if p.asked {
			c.res.Scanned++
		}
		if p.found != "" {
			c.res.Infected = append(c.res.Infected, p.names[0]+": "+p.found)
		}
	}
	slices.Sort(c.res.Infected)
	slices.SortFunc(list, func(a, b program) int { return strings.Compare(a.names[0], b.names[0]) })
	return list, nil
}

func (c *collector) readProgram(w *content.Worker, p *program, refused error, scanner *clamd) {
	body, err := w.Open(p.node.Mount.FS, p.node.Inum)
	if body == nil {
		p.damage = err
		return
	}
	isProgram := p.exec
	if !isProgram {
		n, err := content.Head(body, w.A[:min(content.HeadSize, len(w.A))])
		if err != nil {
			if p.scan {
				p.damage = err
			}
			return // of a file that is neither collected nor a program nothing was to be read
		}
		isProgram = bytes.HasPrefix(w.A[:n], []byte("\x7fELF"))
	}
	var to []io.Writer
	var sums []hash.Hash
	if isProgram && c.opt.Hash {
		sums = []hash.Hash{md5.New(), sha1.New(), sha256.New()}
		for _, s := range sums {
			to = append(to, s)
		}
	}
	var scan *scan
	if scanner != nil && (p.scan || isProgram) && body.Size() > 0 {
		if refused == nil {
			scan, p.failed = scanner.begin(c.ctx)
		}
		if scan != nil {
			to = append(to, scan)
		}
	}
	if len(to) == 0 && (refused == nil || !isProgram) {
		return
	}
	if refused != nil {
		p.damage = refused
		return
	}
	if p.damage = content.Copy(body, w.A, to...); p.damage == nil && sums != nil {
		sums[0].Sum(p.md5[:0])
		sums[1].Sum(p.sha1[:0])
		sums[2].Sum(p.sha256[:0])
		p.hashed = true
	}
	if scan != nil {
		p.found, p.failed = scan.end(p.damage)
		p.asked = p.failed == nil
	}
}

// appendSum writes a line of sha256sum(1): a name with a backslash or a line end is
// escaped, and the line begins with a backslash.
func appendSum(dst, sum []byte, name string) []byte {
	if strings.ContainsAny(name, "\\\n\r") {
		dst = append(dst, '\\')
		name = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
	}
	dst = hex.AppendEncode(dst, sum)
	return append(append(append(dst, ' ', ' '), name...), '\n')
}

// clamText is clamav.txt, in the form of clamscan's log: what was found, what could
// not be scanned, and the counts.
func (c *collector) clamText(w io.Writer, programs []program, scanner *clamd) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", report.Text(scanner.version))
	errs := 0
	for i := range programs {
		p := &programs[i]
		switch {
		case p.found != "":
			for _, name := range p.names {
				fmt.Fprintf(&b, "%s: %s FOUND\n", report.Text(name), report.Text(p.found))
			}
		case p.failed != nil:
			errs++
			fmt.Fprintf(&b, "%s: %s ERROR\n", report.Text(p.names[0]), report.Text(p.failed.Error()))
		}
	}
	fmt.Fprintf(&b, "\n----------- SCAN SUMMARY -----------\nScanned files: %d\nInfected files: %d\nTotal errors: %d\n", c.res.Scanned, len(c.res.Infected), errs)
	_, err := b.WriteTo(w)
	return err
}
