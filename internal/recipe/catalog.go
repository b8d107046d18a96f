package recipe

import (
	"embed"
	"fmt"
	"sort"
	"strings"
)

//go:embed builtin/*.yaml
var builtin embed.FS

// Catalog is a set of recipes by name. It does not change once made.
type Catalog struct {
	byName map[string]*Recipe
	list   []*Recipe
	names  []string
}

// NewCatalog makes a catalog; of recipes with the same name the last one counts.
func NewCatalog(list ...*Recipe) *Catalog {
	c := &Catalog{byName: make(map[string]*Recipe, len(list))}
	for _, r := range list {
		c.byName[r.Name] = r
	}
	for name := range c.byName {
		c.names = append(c.names, name)
	}
	sort.Strings(c.names)
	for _, name := range c.names {
		c.list = append(c.list, c.byName[name])
	}
	return c
}

// Builtins returns the recipes that are part of the program.
func Builtins() (*Catalog, error) { return Checks{}.Builtins() }

// Builtins returns the recipes that are part of the program, which judge the arguments of their items.
func (c Checks) Builtins() (*Catalog, error) {
	files, err := builtin.ReadDir("builtin")
	if err != nil {
		return nil, fmt.Errorf("list the built-in recipes: %w", err)
	}
	list := make([]*Recipe, 0, len(files))
	for _, f := range files {
		data, err := builtin.ReadFile("builtin/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read the built-in recipe %s: %w", f.Name(), err)
		}
		r, err := c.Parse(data)
		if err != nil {
			return nil, fmt.Errorf("built-in recipe %s: %w", f.Name(), err)
		}
		list = append(list, r)
	}
	return NewCatalog(list...), nil
}

// With returns the recipes that are part of the program and those of further documents.
func (c Checks) With(documents ...string) (*Catalog, error) {
	own, err := c.Builtins()
	if err != nil || len(documents) == 0 {
		return own, err
	}
	list := own.List()
	for _, d := range documents {
		r, err := c.Parse([]byte(d))
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return NewCatalog(list...), nil
}

// Get returns a recipe by its name.
func (c *Catalog) Get(name string) (*Recipe, bool) {
	r, ok := c.byName[name]
	return r, ok
}

// Find is Get with an error that names the recipes there are. It wraps ErrUnknown.
func (c *Catalog) Find(name string) (*Recipe, error) {
	if r, ok := c.byName[name]; ok {
		return r, nil
	}
	if near := suggest(name, c.names); near != "" {
		return nil, fmt.Errorf("%w %.80q: did you mean %q? There are %s", ErrUnknown, name, near, strings.Join(c.names, ", "))
	}
	return nil, fmt.Errorf("%w %.80q: there are %s", ErrUnknown, name, strings.Join(c.names, ", "))
}

// List returns all recipes in the order of their names.
func (c *Catalog) List() []*Recipe { return append([]*Recipe(nil), c.list...) }
