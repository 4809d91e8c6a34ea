package rules

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// maxRuleFile is the size in bytes beyond which a rule file is a mistake.
const maxRuleFile = 16 << 20

// source is what the rule files declare, before anything is compiled.
type source struct {
	files     []string // in order
	lists     []listDecl
	learns    []learnDecl
	calendars []calendarDecl
	rules     []ruleDecl
	d         Diagnostics

	load func(listSpec) (*List, []Diagnostic) // nil: loadList
}

type listDecl struct {
	name    string
	at      Position // of the name
	file    string   // relative to the working folder
	fileAt  Position
	faulty  bool // it is declared, and not right
	why     Why
	own     bool
	empty   bool
	country string
	per     string
	feed    *Feed // nil: the file is the list
}

func (d *listDecl) spec() listSpec {
	return listSpec{Name: d.name, File: d.file, Why: d.why, Own: d.own, Empty: d.empty, Country: d.country, Per: d.per, Pos: d.at, FileAt: d.fileAt}
}

type learnDecl struct {
	at        Position
	spec      LearnSpec
	upstreams []Position // of spec.Upstream, by place
	faulty    bool       // it is declared, and not right
}

type ruleDecl struct {
	at   Position // of the id, or of the rule when it has none
	rule Rule
	when scalar
	why  Position // of the block's value
}

func (r *ruleDecl) subject() string {
	id := r.rule.ID
	if len(id) > maxName {
		id = shorten(id)
	}
	return fmt.Sprintf("rule %q", id)
}

// readSource reads all rule files and folders. Every finding is in s.d.
func readSource(paths []string) *source {
	s := &source{}
	seen := map[string]bool{}
	for _, path := range paths {
		for _, file := range s.expand(path) {
			if seen[filepath.Clean(file)] {
				s.d.at(Position{File: file}, "", "is named twice", "name a file or its folder, not both")
				continue
			}
			seen[filepath.Clean(file)] = true
			s.files = append(s.files, file)
			data, err := readRuleFile(file)
			if err != nil {
				s.d.at(Position{File: file}, "", err.Error(), "")
				continue
			}
			s.read(file, data)
		}
	}
	if len(s.rules) == 0 && len(s.d) == 0 {
		s.d.at(Position{}, "rules", "no rules in "+strings.Join(paths, ", "), "without rules every call passes; to pass every call for a while use mode: monitor")
	}
	return s
}

// expand is the file itself, or the rule files of a folder by path in byte
// order: *.yaml and *.yml, without tests, calendars and hidden names.
func (s *source) expand(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		s.d.at(Position{File: path}, "", "cannot be read: "+cause(err), "")
		return nil
	}
	if !info.IsDir() {
		return []string{path}
	}
	var files []string
	// With its separator a folder that is a link is entered.
	root := path + string(filepath.Separator)
	err = filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		switch name := e.Name(); {
		case err != nil:
			return err
		case p != root && strings.HasPrefix(name, "."):
			if e.IsDir() {
				return fs.SkipDir
			}
		case e.IsDir(), IsTestFile(name), IsCalendarFile(name):
		case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
			files = append(files, p)
		}
		return nil
	})
	if err != nil {
		s.d.at(Position{File: path}, "", "cannot be read: "+cause(err), "")
	} else if len(files) == 0 {
		s.d.at(Position{File: path}, "", "no rule files (*.yaml, *.yml) in this folder", "")
	}
	slices.Sort(files)
	return files
}

// readRuleFile reads a regular file of a sane size. Size and kind are those of
// what is open, whatever the name points to by then.
func readRuleFile(name string) ([]byte, error) {
	if info, err := os.Stat(name); err != nil {
		return nil, errors.New("cannot be read: " + cause(err))
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe that has come since opens at once
	if err != nil {
		return nil, errors.New("cannot be read: " + cause(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("is no regular file")
	}
	tooLarge := fmt.Errorf("is larger than %d MB: rule files are small, numbers belong into lists", maxRuleFile>>20)
	if info.Size() > maxRuleFile {
		return nil, tooLarge
	}
	data, err := io.ReadAll(io.LimitReader(f, maxRuleFile+1))
	switch {
	case err != nil:
		return nil, errors.New("cannot be read: " + cause(err))
	case len(data) > maxRuleFile:
		return nil, tooLarge
	}
	return data, nil
}

// cause is err without the path, which the diagnostic names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

// read adds what one file declares.
func (s *source) read(file string, data []byte) {
	doc := &document{file: file, data: data, holds: "rules", d: &s.d}
	top, ok := doc.parse()
	if !ok {
		return
	}
	f, ok := doc.fields(top, "", ruleFileKeys)
	if !ok {
		return
	}
	for _, e := range doc.entries(f["lists"], "lists") {
		s.readList(doc, e)
	}
	for _, e := range doc.entries(f["learn"], "learn") {
		s.readLearn(doc, e)
	}
	for _, e := range doc.entries(f["calendars"], "calendars") {
		s.readCalendar(doc, e)
	}
	for _, n := range doc.items(f["rules"], "rules") {
		s.readRule(doc, n)
	}
	if len(f) == 0 {
		s.d.at(Position{File: file}, "", "no rules in this file", "a rule file has rules:, lists:, learn: or calendars:")
	}
}

func (s *source) readList(doc *document, e *node) {
	subject := fmt.Sprintf("list %q", e.name)
	before := len(s.d)
	l := listDecl{name: e.name, at: e.key, fileAt: e.key}
	defer func() {
		l.faulty = len(s.d) > before
		s.lists = append(s.lists, l)
	}()
	f, ok := doc.fields(e, subject, listKeys)
	if !ok {
		return
	}
	l.own, l.empty = doc.yes(f["own"], subject), doc.yes(f["empty"], subject)
	if file := doc.text(f["file"], subject); file != "" {
		l.fileAt = f["file"].at
		if l.file = file; !filepath.IsAbs(file) {
			l.file = filepath.Join(filepath.Dir(doc.file), file)
		}
	} else if f["url"] == nil && f.lacks("file") {
		s.d.at(e.key, subject, "has no file", "write file: and a path relative to this rule file")
	}
	l.feed = s.readFeed(doc, f, subject)
	if word := doc.text(f["why"], subject); word != "" {
		if l.why, ok = ParseWhy(word); !ok {
			s.d.at(f["why"].at, subject, fmt.Sprintf("unknown why %q", word), didYouMean(word, rowWhys()))
		} else if !l.why.ofRow() {
			s.d.at(f["why"].at, subject, fmt.Sprintf("%q is no reason that a list can give", word), "it depends on the call, not on the number")
		}
	}
	if l.country = doc.text(f["country"], subject); l.country != "" && !isCountry(l.country) {
		s.d.at(f["country"].at, subject, fmt.Sprintf("%q is no country", l.country), "two capital letters, as in US")
		l.country = ""
	} else if _, err := NewPlan(l.country, nil); err != nil {
		s.d.at(f["country"].at, subject, err.Error(), "")
		l.country = ""
	}
	if l.per = doc.text(f["per"], subject); l.per != "" && !slices.Contains(perAttributes, l.per) {
		s.d.at(f["per"].at, subject, fmt.Sprintf("cannot be per %q", l.per), didYouMean(l.per, perAttributes))
		l.per = ""
	}
	if l.own && l.per != "" {
		s.d.at(f["own"].at, subject, "own numbers are nobody's in particular", "take out own: or per:")
	}
}
