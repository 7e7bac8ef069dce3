package advisory

// Ported is the entry with patches that were ported to one base in the place of its
// own: its only recipe, whose origin stays that of the recipe for the Xen version.
func (e *Entry) Ported(xen string, files []NamedData) *Entry {
	p := *e
	p.files, p.names = nil, nameIndex{}
	r := Recipe{Xen: xen, Tree: "xen", From: FromName}
	if own, ok := e.Recipe(xen); ok {
		r.From, r.StableRef = own.From, own.StableRef
	}
	for _, f := range files {
		if p.addFile(f.Name, f.Data) {
			r.Patches = append(r.Patches, f.Name)
		}
	}
	p.Recipes = []Recipe{r}
	return &p
}

// NewContext is a patch set that is to be applied and not to be assessed, for a Xen
// version.
func NewContext(name, xen string, files []NamedData) *Entry {
	return (&Entry{Name: name, Context: true}).Ported(xen, files)
}
