package rules

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Rule tests stand beside the rules: spam.test.yaml beside spam.yaml.
var testSuffixes = [...]string{".test.yaml", ".test.yml"}

// IsTestFile tells whether a file holds rule tests, by its name.
func IsTestFile(name string) bool {
	return slices.ContainsFunc(testSuffixes[:], func(s string) bool { return strings.HasSuffix(name, s) })
}

// TestFiles are the rule tests of files and folders: a test file itself, that
// beside a rule file, and all below a folder by path in byte order, without
// hidden ones. Each is named once. The error is a Diagnostics.
func TestFiles(paths []string) ([]string, error) {
	var files []string
	var d Diagnostics
	add := func(file string) {
		if file = filepath.Clean(file); !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			d.at(Position{File: path}, "", "cannot be read: "+cause(err), "")
		case !info.IsDir() && IsTestFile(path):
			add(path)
		case !info.IsDir():
			if test := testBeside(path); test != "" {
				add(test)
			}
		default:
			below, err := testsBelow(path)
			if err != nil {
				d.at(Position{File: path}, "", "cannot be read: "+cause(err), "")
			}
			for _, file := range below {
				add(file)
			}
		}
	}
	if len(d) > 0 {
		return nil, d
	}
	return files, nil
}

// testBeside is the test file beside a rule file, empty when there is none.
func testBeside(rules string) string {
	stem := strings.TrimSuffix(rules, filepath.Ext(rules))
	for _, suffix := range testSuffixes {
		if exists(stem + suffix) {
			return stem + suffix
		}
	}
	return ""
}

// tested is the rule file that a test file stands beside.
func tested(test string) string {
	for _, suffix := range testSuffixes {
		if stem, ok := strings.CutSuffix(test, suffix); ok {
			if exists(stem + ".yml") {
				return stem + ".yml"
			}
			return stem + ".yaml"
		}
	}
	return test
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func testsBelow(folder string) ([]string, error) {
	var files []string
	root := folder + string(filepath.Separator) // so a folder that is a link is entered
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case p != root && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case !e.IsDir() && IsTestFile(p):
			files = append(files, p)
		}
		return nil
	})
	slices.Sort(files)
	return files, err
}

// beside is a path that a file names, relative to the file's folder.
func beside(file, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(file), path)
}
