package sidecar

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"ringfence/rules"
	"ringfence/rules/schema"
)

// printed is a schema as ringfence schema prints it.
func printed(t *testing.T, s *schema.Schema) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// validators are the schemas, compiled by another's reading of the standard.
func validators(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	all := map[string]*jsonschema.Schema{}
	for name, make := range Schemas() {
		document, err := jsonschema.UnmarshalJSON(strings.NewReader(printed(t, make())))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		if err := c.AddResource(name+".json", document); err != nil {
			t.Fatal(err)
		}
		if all[name], err = c.Compile(name + ".json"); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// valued is a YAML document as a validator takes it; it is an error when the
// text is no YAML.
func valued(text []byte) (any, error) {
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(data))
}

// The schemas in docs are those that the program prints.
func TestSchemasAreCommitted(t *testing.T) {
	for name, make := range Schemas() {
		golden(t, filepath.Join("..", "docs", "schema", name+".json"), printed(t, make()))
	}
}

// schemaOf is the schema that a YAML document is for.
func schemaOf(name, text string) string {
	switch {
	case rules.IsTestFile(name), strings.HasPrefix(text, "tests:"):
		return "test"
	case rules.IsCalendarFile(name), strings.HasPrefix(text, "source:"):
		return "calendar"
	case regexp.MustCompile(`(?m)^(rules:\s*$|lists:|learn:|calendars:)`).MatchString(text):
		return "rules"
	}
	return "config"
}

// Whatever loads in the documents, the example and the tests, the schemas take.
func TestSchemasTakeWhatLoads(t *testing.T) {
	examples := map[string]string{"everyKey": everyKey, "an empty value": "rules: [a]\ncache:\njournal: {keep: }\nemergency: []\n"}
	for _, pattern := range []string{"../docker/ringfence/*.yaml", "../docker/ringfence/rules/*.yaml", "../rules/packs/*.yaml", "../rules/packs/calendars/*.yaml", "../rules/testdata/suite/*.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			examples[file] = string(text)
		}
	}
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
			examples[page+"#"+string(rune('1'+i))] = m[1]
		}
	}
	seen := map[string]int{}
	all := validators(t)
	for name, text := range examples {
		value, err := valued([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		of := schemaOf(name, text)
		seen[of]++
		if err := all[of].Validate(value); err != nil {
			t.Errorf("%s is refused as %s: %v", name, of, err)
		}
	}
	if seen["rules"] < 4 || seen["test"] < 3 || seen["calendar"] < 4 || seen["config"] < 4 {
		t.Errorf("examples: %v", seen)
	}
}

// Broken files are refused, but for those of the golden file: their structure is
// right, and what is wrong within a condition or with what they name only the
// loader sees.
func TestSchemasRefuseWhatIsBroken(t *testing.T) {
	all := validators(t)
	var passed strings.Builder
	for _, corpus := range []struct{ folder, of string }{{"../rules/testdata/bad/rules", "rules"}, {"../rules/testdata/bad/many", "rules"}, {"../rules/testdata/bad/calendars", "calendar"}, {"../rules/testdata/suite/bad", "test"}} {
		files, err := filepath.Glob(corpus.folder + "/*.yaml")
		if err != nil || len(files) < 10 {
			t.Fatalf("%s: %d files, %v", corpus.folder, len(files), err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if value, err := valued(text); err == nil && all[corpus.of].Validate(value) == nil {
				passed.WriteString(strings.TrimPrefix(file, "../rules/testdata/") + "\n")
			}
		}
	}
	golden(t, "testdata/schema-takes.golden", passed.String())
}

// The configuration's schema has the keys that its reader knows.
func TestConfigSchemaKeys(t *testing.T) {
	root := ConfigSchema()
	var text strings.Builder
	for key, value := range root.Properties {
		if len(value.Properties) > 0 {
			for inner := range value.Properties {
				text.WriteString(key + ": {" + inner + ": }\n")
			}
			continue
		}
		text.WriteString(key + ":\n")
	}
	_, err := parseConfig("ringfence.yaml", []byte(text.String()))
	if err == nil {
		t.Fatal("a configuration without rules loads")
	}
	if strings.Contains(err.Error(), "unknown key") {
		t.Errorf("the schema has keys that the reader does not know: %v", err)
	}
}
