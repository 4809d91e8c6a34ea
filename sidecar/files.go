package sidecar

import (
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ringfence/rules"
)

// watchLimit bounds how many folders are watched.
const watchLimit = 512

// sources are the files that one load reads, and the folders in which a change
// to them shows: their own, and those of what they link to, so that the swap of
// a linked folder (as Kubernetes mounts a ConfigMap) is seen.
type sources struct {
	files   []string // sorted
	folders []string // sorted, at most watchLimit
	cut     int      // folders beyond it
	names   bool     // the names in the folders count, too
}

// sourcesOf collects them from the configuration, from the ruleset, where one
// has loaded, and from the findings of the last load. After a load that failed
// any name in the folders may be that of what was missing.
func sourcesOf(config string, settings rules.Settings, rs *rules.Ruleset, findings rules.Diagnostics) sources {
	files, folders := make(map[string]bool), make(map[string]bool)
	add := func(file string) {
		files[file] = true
		folders[filepath.Dir(file)] = true
		links(file, 8, func(folder string) { folders[folder] = true })
	}
	add(config)
	for _, root := range settings.Files {
		add(root)
		if info, err := os.Stat(root); err != nil || !info.IsDir() {
			tests, _ := rules.TestFiles([]string{root}) // none when root cannot be read
			for _, file := range tests {
				add(file)
			}
			continue
		}
		// The slash makes a walk enter a folder that is a link.
		_ = filepath.WalkDir(root+string(filepath.Separator), func(path string, e fs.DirEntry, err error) error {
			switch {
			case err != nil: // what cannot be read now is found by the load
			case strings.HasPrefix(e.Name(), "."): // no rules, as the loader has it
				if e.IsDir() {
					return fs.SkipDir
				}
			case e.IsDir():
				folders[filepath.Clean(path)] = true
			case strings.HasSuffix(path, ".yaml"), strings.HasSuffix(path, ".yml"):
				add(filepath.Clean(path))
			}
			return nil
		})
	}
	list := func(file string) {
		add(file)
		folders[filepath.Dir(filepath.Dir(file))] = true // the folder itself may be replaced
	}
	if rs != nil {
		for _, l := range rs.Lists() {
			list(l.File)
		}
		for _, c := range rs.Calendars() {
			for _, file := range c.Files() {
				list(file)
			}
		}
	}
	for _, d := range findings {
		if d.File != "" {
			add(d.File)
		}
	}
	if len(findings) > 0 { // of what was missing, the folder may never have been watched
		for _, file := range rules.DeclaredCalendars(settings.Files) {
			list(file)
		}
		for _, file := range rules.DeclaredLists(settings.Files) {
			if file != "" {
				list(file)
			}
		}
	}
	return sources{files: keys(files), names: len(findings) > 0}.watching(keys(folders))
}

// watching is s with its folders, up to the limit.
func (s sources) watching(folders []string) sources {
	s.folders = folders[:min(len(folders), watchLimit)]
	s.cut = len(folders) - len(s.folders)
	return s
}

// links visits the folder of each link on the way to path, and of what it
// leads to, up to depth links of links.
func links(path string, depth int, visit func(folder string)) {
	for p := path; depth > 0 && filepath.Dir(p) != p; p = filepath.Dir(p) {
		target, err := os.Readlink(p)
		if err != nil {
			continue
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(p), target)
		}
		visit(filepath.Dir(p))
		visit(filepath.Dir(target))
		links(target, depth-1, visit)
	}
}

func keys(m map[string]bool) []string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// print is a fingerprint of the files: it changes when one of them is written,
// replaced, linked elsewhere, added or removed, or given to other readers. It
// reads no contents.
func (s sources) print() uint64 {
	h := fnv.New64a()
	var line []byte
	for _, file := range s.files {
		line = append(append(line[:0], file...), 0)
		if stat, ok := statFile(file); ok {
			for _, n := range []int64{stat.Size, stat.Mtim.Nano(), int64(stat.Ino), int64(stat.Mode), int64(stat.Uid), int64(stat.Gid)} {
				line = append(strconv.AppendInt(line, n, 10), 0)
			}
		}
		_, _ = h.Write(append(line, 0)) // a hash never fails
	}
	if s.names {
		for _, folder := range s.folders {
			entries, _ := os.ReadDir(folder) // what cannot be read has no names
			for _, e := range entries {
				_, _ = h.Write(append(append(line[:0], e.Name()...), 0))
			}
		}
	}
	return h.Sum64()
}

// changedBetween is a file that was changed after from and not after to, empty
// for none, by the time of its last change of status: whoever writes a file sets
// its time of modification to what he likes, the past or the future. What lies
// after to was stamped by another clock.
func (s sources) changedBetween(from, to time.Time) string {
	for _, file := range s.files {
		if stat, ok := statFile(file); ok && stampedBetween(&stat, from, to) {
			return file
		}
	}
	return ""
}

func stampedBetween(stat *unix.Stat_t, from, to time.Time) bool {
	t := time.Unix(stat.Ctim.Unix())
	return t.After(from) && !t.After(to)
}

// fileTick is by how much the clock that stamps files can be behind: it has ticks,
// and what is written within one has the time at which it began.
const fileTick = 10 * time.Millisecond

// foundChanged tells whether something of s that was not in before may have been
// changed since from: a file, or a folder, into which a name came, when names count.
func (s sources) foundChanged(before sources, from, to time.Time) bool {
	known := func(all []string, name string) bool { _, ok := slices.BinarySearch(all, name); return ok }
	for _, file := range s.files {
		if stat, ok := statFile(file); ok && !known(before.files, file) && stampedBetween(&stat, from.Add(-fileTick), to) {
			return true
		}
	}
	for _, folder := range s.folders {
		if stat, ok := statOf(folder); ok && s.names && !known(before.folders, folder) && stampedBetween(&stat, from.Add(-fileTick), to) {
			return true
		}
	}
	return false
}

// statFile is the status of what file leads to, unless that is a folder.
func statFile(file string) (unix.Stat_t, bool) {
	stat, ok := statOf(file)
	return stat, ok && stat.Mode&unix.S_IFMT != unix.S_IFDIR
}

func statOf(name string) (stat unix.Stat_t, ok bool) {
	err := unix.Stat(name, &stat)
	for err == unix.EINTR {
		err = unix.Stat(name, &stat)
	}
	return stat, err == nil
}
