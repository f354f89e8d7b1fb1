package settings

import (
	"strings"

	"deadbox/timeline"
)

// fits reports whether a path is one of a pattern's, as
// [timeline.Extractor].Paths defines them.
func fits(pattern, name string) bool {
	return timeline.Fits(strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(name, "/"), "/"))
}

// fitsEnd reports whether the end of a path is one of a pattern's that has no
// "**".
func fitsEnd(pattern, name string) bool {
	n := strings.Split(strings.Trim(name, "/"), "/")
	k := strings.Count(pattern, "/") + 1
	return len(n) > k && fits(pattern, strings.Join(n[len(n)-k:], "/"))
}
