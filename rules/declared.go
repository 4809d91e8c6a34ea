package rules

// DeclaredRules are the rules that rule files declare, as they are written: what
// is wrong with them, or with their lists, does not matter. Their conditions are
// not compiled.
func DeclaredRules(files []string) []*Rule {
	src := readSource(files)
	all := make([]*Rule, len(src.rules))
	for i := range src.rules {
		all[i] = &src.rules[i].rule
	}
	return all
}
