package settings

import (
	"path"
	"strings"
)

// fits reports whether a path is one of a pattern's, as
// [timeline.Extractor].Paths defines them.
func fits(pattern, name string) bool {
	return fitsElements(strings.Split(strings.Trim(pattern, "/"), "/"), strings.Split(strings.Trim(name, "/"), "/"))
}

// fitsEnd reports whether the end of a path is one of a pattern's that has no
// "**".
func fitsEnd(pattern, name string) bool {
	n := strings.Split(strings.Trim(name, "/"), "/")
	k := strings.Count(pattern, "/") + 1
	return len(n) > k && fits(pattern, strings.Join(n[len(n)-k:], "/"))
}

func fitsElements(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" {
			for i := range name {
				if fitsElements(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); err != nil || !ok {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return len(name) == 0
}
