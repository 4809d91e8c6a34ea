package rules

import (
	"io/fs"
	"os"
	"time"
)

// settled is how old the last change of a file must be when its read begins, so
// that a later change has another time on any file system.
const settled = 2 * time.Second

// unchanged is the list of rs that a load of spec would read again as it is,
// nil when there is none or its file may have changed.
func (rs *Ruleset) unchanged(spec listSpec) *List {
	if rs == nil {
		return nil
	}
	for _, l := range rs.lists {
		if l.Name != spec.Name || l.File != spec.File || l.Country != spec.Country || l.Per != spec.Per || l.Len() == 0 && !spec.Empty {
			continue
		}
		info, err := os.Stat(spec.File)
		if err == nil && l.info != nil && sameContent(l.info, info) {
			return &List{spec, l.listContent}
		}
	}
	return nil
}

// sameContent tells whether a file is the same, and was not written to since.
func sameContent(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime()) && changeTime(a).Equal(changeTime(b))
}
