package volume

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

const (
	mebibyte = 1 << 20
	// cylinder is the unit that partitions were aligned to before it was 1 MiB:
	// 255 heads of 63 sectors.
	cylinder = 255 * 63 * sectorSmall
	track    = 63 * sectorSmall
	gibibyte = 1 << 30
	// maxSpots bounds the places of all gaps that are searched. Each costs
	// three small reads. Up to maxFine of them, all usual places are tried, which
	// covers some 3 GiB; beyond, only those of partitions sized in whole GiB.
	maxSpots = 6144
	maxFine  = 4096
)

// gaps lists what no partition and no table covers, and looks for file
// systems in it: those of partitions that were deleted, or hidden. A gap is cut
// where one begins, so that each can be named.
func (f *finder) gaps() []Volume {
	covered := slices.Clone(f.meta)
	for _, p := range f.parts {
		if !p.Container {
			covered = append(covered, span{p.Offset, p.Offset + p.Length})
		}
	}
	slices.SortFunc(covered, func(a, b span) int { return cmp.Compare(a.start, b.start) })
	var out []Volume
	add := func(start, end int64, found Signature) {
		out = append(out, Volume{Slot: fmt.Sprintf("gap:%d", len(out)+1), Offset: start, Length: end - start, Type: "Unallocated", Found: found})
	}
	spots := maxSpots
	pos := int64(0)
	for _, c := range append(covered, span{f.size, f.size}) {
		if end := min(c.start, f.size); pos < end {
			f.searchGap(span{pos, end}, &spots, add)
		}
		pos = max(pos, c.end)
	}
	for _, v := range out {
		if v.Found.Kind != "" {
			f.l.note("No partition covers %s, but it begins with %s.", v.Slot, v.Found.describe())
		}
	}
	return out
}

// searchGap looks for what begins in a gap: at its start, and where
// partitions are usually aligned.
func (f *finder) searchGap(gap span, spots *int, add func(start, end int64, found Signature)) {
	start, found := gap.start, f.probeAt(gap.start, gap.end)
	pos := gap.start
	if found.Size > 0 && found.Size < gap.end-pos {
		pos += found.Size - 1
	}
	coarse := false
	next := func() int64 {
		if coarse {
			return min((pos/gibibyte+1)*gibibyte, gap.start+((pos-gap.start)/gibibyte+1)*gibibyte)
		}
		return nextSpot(pos)
	}
	for pos = next(); pos < gap.end; pos = next() {
		if *spots == 0 {
			f.l.note("The gap from byte %d to byte %d was not searched for file systems from byte %d on.", gap.start, gap.end, pos)
			break
		}
		if *spots--; *spots < maxSpots-maxFine && !coarse {
			coarse = true
			f.l.note("The gap from byte %d to byte %d was searched for file systems at every MiB up to byte %d, and from there at every GiB only.", gap.start, gap.end, pos)
		}
		s := probeStart(io.NewSectionReader(f.r, pos, gap.end-pos), gap.end-pos)
		if s.Kind == "" {
			continue
		}
		add(start, pos, found)
		start, found = pos, s
		if s.Size > 0 && s.Size < gap.end-pos {
			pos += s.Size - 1
		}
	}
	add(start, gap.end, found)
}

func (f *finder) probeAt(start, end int64) Signature {
	return Probe(io.NewSectionReader(f.r, start, end-start), end-start)
}

// nextSpot is the next place after pos where a partition may begin.
func nextSpot(pos int64) int64 {
	next := (pos/mebibyte + 1) * mebibyte
	c := pos / cylinder * cylinder
	for _, s := range []int64{c + track, c + cylinder} {
		if s > pos && s < next {
			next = s
		}
	}
	return next
}
