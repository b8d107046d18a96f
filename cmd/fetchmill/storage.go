package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/fetchmill/fetchmill/app"
	"github.com/fetchmill/fetchmill/internal/store"
)

// storage are the flags of all commands that run a sink.
type storage struct {
	DB        string        `name:"db" env:"FETCHMILL_DB" placeholder:"DB" help:"The database: the path of a file, or postgres://USER@HOST/DATABASE. Give a URL with a password in the variable $$FETCHMILL_DB (default: the file results.db)."`
	BatchIdle time.Duration `default:"24h" placeholder:"TIME" help:"An unfinished batch expires when nothing has come for so long (default ${default})."`
	KeepAge   []keepAge     `placeholder:"[RECIPE=]TIME" help:"Delete results that finished longer ago, such as 30d or 12h: those of a recipe, or of all that no such flag names; 0 keeps them. May be repeated (default: all are kept)."`
	KeepCount []keepCount   `placeholder:"[RECIPE=]N" help:"Keep only the newest N results of a recipe, or of each recipe that no such flag names; 0 keeps all. May be repeated."`
	Append    string        `placeholder:"DIR" help:"Write results into files, too: DIR/RECIPE/DAY.ndjson, each once."`
	KeepLeast time.Duration `default:"1h" placeholder:"TIME" help:"Delete no result that is younger (default ${default}): its item could be delivered again, and would be new."`
}

// apply leaves an empty path to the app, which knows the data folder if there is one. A recipe that is named gets from the others what is not
// said of it.
func (f storage) apply(to *app.Config) {
	to.Database, to.BatchIdle, to.Append = f.DB, f.BatchIdle, f.Append
	r := &to.Retention
	r.Keep, r.Recipes = store.Keep{Least: f.KeepLeast}, map[string]store.Keep{}
	for _, k := range f.KeepAge {
		if k.recipe == "" {
			r.Keep.Age = k.age
		}
	}
	for _, k := range f.KeepCount {
		if k.recipe == "" {
			r.Keep.Count = k.n
		}
	}
	of := func(recipe string) store.Keep {
		if keep, ok := r.Recipes[recipe]; ok {
			return keep
		}
		return r.Keep
	}
	for _, k := range f.KeepAge {
		if keep := of(k.recipe); k.recipe != "" {
			keep.Age = k.age
			r.Recipes[k.recipe] = keep
		}
	}
	for _, k := range f.KeepCount {
		if keep := of(k.recipe); k.recipe != "" {
			keep.Count = k.n
			r.Recipes[k.recipe] = keep
		}
	}
}

// keepAge is a flag for how old results may become.
type keepAge struct {
	recipe string
	age    time.Duration
}

// UnmarshalText is encoding.TextUnmarshaler's.
func (k *keepAge) UnmarshalText(text []byte) (err error) {
	var age string
	k.recipe, age = ofRecipe(string(text))
	if days, ok := strings.CutSuffix(age, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		k.age = time.Duration(n) * 24 * time.Hour
	} else {
		k.age, err = time.ParseDuration(age)
	}
	if err != nil || k.age < 0 {
		return fmt.Errorf("%.80q does not say how long to keep results: use 30d, 12h or RECIPE=30d", text)
	}
	return nil
}

// keepCount is a flag for how many results there may be.
type keepCount struct {
	recipe string
	n      int64
}

// UnmarshalText is encoding.TextUnmarshaler's.
func (k *keepCount) UnmarshalText(text []byte) (err error) {
	var n string
	k.recipe, n = ofRecipe(string(text))
	if k.n, err = strconv.ParseInt(n, 10, 64); err != nil || k.n < 0 {
		return fmt.Errorf("%.80q does not say how many results to keep: use 100000 or RECIPE=100000", text)
	}
	return nil
}

// ofRecipe splits RECIPE=VALUE.
func ofRecipe(text string) (recipe, value string) {
	if recipe, value, ok := strings.Cut(text, "="); ok {
		return recipe, value
	}
	return "", text
}
