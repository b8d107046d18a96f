package drivertest

import "github.com/fetchmill/fetchmill/internal/store/driver"

// WindowSelect lists queries for windows with every combination of what a query can have, by the index that their rows are to be
// found by, for tests of how databases answer them.
func WindowSelect() map[string]driver.WindowSelect {
	base := driver.WindowSelect{Open: true, Before: driver.WindowPlace{End: 1000, ID: 9}, Limit: 100}
	all, recipe, key := base, base, base
	recipe.Recipe = "page"
	key.Recipe, key.Key = "page", "a"
	return map[string]driver.WindowSelect{"windows_list": all, "windows_recipe": recipe, "windows_key": key}
}
