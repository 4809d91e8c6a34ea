// Package schema describes the files that people write, as JSON Schema
// (draft 2020-12): editors read it to complete and check what is typed. A
// reader of such a file takes the keys of a mapping from the same table.
//
// A schema says less than the reader: what a value is made of, not whether a
// file or a name is there.
package schema

import "slices"

// Draft is the dialect.
const Draft = "https://json-schema.org/draft/2020-12/schema"

// Schema is one, as far as it is needed here.
type Schema struct {
	Draft       string `json:"$schema,omitempty"`
	ID          string `json:"$id,omitempty"`
	Title       string `json:"title,omitempty"`
	Description string `json:"description,omitempty"`

	Ref   string   `json:"$ref,omitempty"`
	Type  []string `json:"type,omitempty"`
	Enum  []any    `json:"enum,omitempty"`
	Const any      `json:"const,omitempty"`

	Pattern   string `json:"pattern,omitempty"`
	MinLength int    `json:"minLength,omitempty"`
	MaxLength int    `json:"maxLength,omitempty"`
	Minimum   *int   `json:"minimum,omitempty"`
	Maximum   *int   `json:"maximum,omitempty"`

	Items    *Schema `json:"items,omitempty"`
	MinItems int     `json:"minItems,omitempty"`

	Properties    map[string]*Schema `json:"properties,omitempty"`
	Required      []string           `json:"required,omitempty"`
	PropertyNames *Schema            `json:"propertyNames,omitempty"`
	Additional    any                `json:"additionalProperties,omitempty"` // *Schema or false

	AllOf     []*Schema          `json:"allOf,omitempty"`
	AnyOf     []*Schema          `json:"anyOf,omitempty"`
	OneOf     []*Schema          `json:"oneOf,omitempty"`
	Not       *Schema            `json:"not,omitempty"`
	If        *Schema            `json:"if,omitempty"`
	Then      *Schema            `json:"then,omitempty"`
	Dependent map[string]*Schema `json:"dependentSchemas,omitempty"`

	Defs map[string]*Schema `json:"$defs,omitempty"`
}

// Key is a key that a mapping can have.
type Key struct {
	Name   string
	Value  *Schema
	Needed bool
}

// Keys are those of one mapping, in the order of the documentation.
type Keys []Key

// Names are the keys.
func (k Keys) Names() []string {
	names := make([]string, len(k))
	for i := range k {
		names[i] = k[i].Name
	}
	return names
}

// Root makes s a schema of its own.
func Root(name, title string, s *Schema) *Schema {
	s.Draft, s.ID, s.Title = Draft, "urn:ringfence:schema:"+name, title
	return s
}

// Object is a mapping of these keys and no others.
func Object(doc string, keys Keys) *Schema {
	s := &Schema{Description: doc, Type: []string{"object"}, Properties: map[string]*Schema{}, Additional: false}
	for _, k := range keys {
		s.Properties[k.Name] = k.Value
		if k.Needed {
			s.Required = append(s.Required, k.Name)
		}
	}
	return s
}

// Map is a mapping of names, which match a pattern, to values.
func Map(doc, pattern string, value *Schema) *Schema {
	return &Schema{Description: doc, Type: []string{"object"}, PropertyNames: &Schema{Pattern: pattern}, Additional: value}
}

// Text is words that are not blank; numbers and true are words, too.
func Text(doc string) *Schema { return Pattern(doc, `\S`) }

// Pattern is text that matches a regular expression (ECMA-262).
func Pattern(doc, expression string) *Schema {
	return &Schema{Description: doc, Type: []string{"string", "number", "boolean"}, Pattern: expression}
}

// Word is one of the words.
func Word(doc string, words ...string) *Schema {
	s := &Schema{Description: doc}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	return s
}

// Integer is a whole number within bounds.
func Integer(doc string, least, most int) *Schema {
	return &Schema{Description: doc, Type: []string{"integer"}, Minimum: &least, Maximum: &most}
}

// Flag is true or false.
func Flag(doc string) *Schema { return &Schema{Description: doc, Type: []string{"boolean"}} }

// Yes is a key that is only written to say true.
func Yes(doc string) *Schema { return &Schema{Description: doc, Const: true} }

// List is one value or more.
func List(doc string, item *Schema) *Schema {
	return &Schema{Description: doc, Type: []string{"array"}, Items: item, MinItems: 1}
}

// Some is a value, or a list of such.
func Some(doc string, item *Schema) *Schema {
	return &Schema{Description: doc, AnyOf: []*Schema{item, {Type: []string{"array"}, Items: item}}}
}

// Ref is a schema among the definitions of the root.
func Ref(name string) *Schema { return &Schema{Ref: "#/$defs/" + name} }

// Has is any mapping with these keys.
func Has(keys ...string) *Schema { return &Schema{Required: keys} }

// With is any mapping whose key has one of these values.
func With(key string, values ...any) *Schema {
	return &Schema{Properties: map[string]*Schema{key: {Enum: values}}, Required: []string{key}}
}

// OrNothing is s, or a key without a value.
func OrNothing(s *Schema) *Schema {
	c := *s
	switch {
	case c.Enum != nil:
		c.Enum = append(slices.Clone(c.Enum), nil)
	case c.AnyOf != nil:
		c.AnyOf = append(slices.Clone(c.AnyOf), &Schema{Type: []string{"null"}})
	case c.Type != nil:
		c.Type = append(slices.Clone(c.Type), "null")
	}
	return &c
}
