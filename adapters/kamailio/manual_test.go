package kamailio

import (
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const docs = "../../docs/http.md"

// block is a fenced block of the documentation that shows a file of testdata.
var block = regexp.MustCompile("(?s)<!-- ([a-z-]+\\.(?:request|answer)) -->\n```http\n(.*?)```\n")

// TestDocsShowGoldenFiles holds that each HTTP block of the documentation is
// what TestGolden has seen.
func TestDocsShowGoldenFiles(t *testing.T) {
	text := readFile(t, docs)
	if *update {
		text = block.ReplaceAllStringFunc(text, func(s string) string {
			name := block.FindStringSubmatch(s)[1]
			return "<!-- " + name + " -->\n```http\n" + readFile(t, "testdata/"+name) + "```\n"
		})
		if err := os.WriteFile(docs, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	blocks := block.FindAllStringSubmatch(text, -1)
	if n := strings.Count(text, "```http\n"); n != len(blocks) || n < 10 {
		t.Errorf("%d HTTP blocks, %d of them with the name of a file", n, len(blocks))
	}
	for _, b := range blocks {
		if want := readFile(t, "testdata/"+b[1]); b[2] != want {
			t.Errorf("%s is\n%s\nbut the file is\n%s", b[1], b[2], want)
		}
	}
}

// TestDocsCommands sends what each curl command of the documentation would.
func TestDocsCommands(t *testing.T) {
	commands := regexp.MustCompile("(?m)^curl .*$").FindAllString(readFile(t, docs), -1)
	if len(commands) < 3 {
		t.Fatalf("%d commands", len(commands))
	}
	r := newRig(t, Options{})
	for _, command := range commands {
		line, headers, body := curl(t, command)
		if a := r.send(t, line, body, headers...); a.status != 200 || strings.HasPrefix(a.body, "counted 0") {
			t.Errorf("%s\n%d %s", command, a.status, a.body)
		}
	}
	if call := r.decider.calls[0]; call.From.User != spam || call.TrunkName != "carrier-a" {
		t.Errorf("the first command asks about %+v", call)
	}
	if call := r.decider.calls[1]; call.From.User != spam || call.RequestUser != "+12025550142" {
		t.Errorf("the second command asks about %+v", call)
	}
}

// word is a word of a shell command, quoted by ' or not at all.
var word = regexp.MustCompile(`'([^']*)'|(\S+)`)

// curl is the request that a curl command sends.
func curl(t *testing.T, command string) (line string, headers []string, body string) {
	t.Helper()
	var words, data []string
	for _, w := range word.FindAllStringSubmatch(command, -1) {
		words = append(words, w[1]+w[2])
	}
	kind := "Content-Type: " + formType
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-H":
			if i++; strings.HasPrefix(words[i], "Content-Type:") {
				kind = words[i]
			} else {
				headers = append(headers, words[i])
			}
		case "-d", "--data-binary":
			i++
			if file, ok := strings.CutPrefix(words[i], "@"); ok {
				words[i] = readFile(t, "testdata/"+file)
			}
			data = append(data, words[i])
		case "--data-urlencode":
			i++
			key, value, _ := strings.Cut(words[i], "=")
			data = append(data, key+"="+url.QueryEscape(value))
		default:
			u, err := url.Parse(words[i])
			if err != nil || u.Host != "127.0.0.1:8088" {
				t.Fatalf("%s: what is %q? %v", command, words[i], err)
			}
			line = "POST " + u.RequestURI()
		}
	}
	return line, append(headers, kind), strings.Join(data, "&")
}

// TestDocsKeys holds that the tables of keys are complete and true.
func TestDocsKeys(t *testing.T) {
	text := readFile(t, docs)
	section := func(title string) []string {
		_, rest, ok := strings.Cut(text, "\n"+title+"\n")
		if !ok {
			t.Fatalf("no section %q", title)
		}
		rest, _, _ = strings.Cut(rest, "\n#")
		var keys []string
		for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.A-Z]+)` \\|").FindAllStringSubmatch(rest, -1) {
			keys = append(keys, m[1])
		}
		slices.Sort(keys)
		return keys
	}
	query := []string{"account", "port", "ruri", "src", "trunk", "upstream"}
	if got := section("### The query"); !slices.Equal(got, query) {
		t.Errorf("keys of the query: %v, want %v", got, query)
	}
	want := append([]string{"from_tag", "header.NAME", "headers"}, query...)
	for _, f := range fields {
		want = append(want, f.key)
	}
	slices.Sort(want)
	got := section("## The same without SIP")
	if !slices.Equal(got, want) {
		t.Errorf("keys of a form: %v, want %v", got, want)
	}
	for _, key := range got {
		if key != "headers" && !isFormKey([]byte(key)) {
			t.Errorf("%s is no key of a form", key)
		}
	}
}
