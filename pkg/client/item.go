package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"strings"
)

// Item is what is to be done once: parameters of a recipe, or a text that is the recipe's primary parameter.
type Item struct {
	Params json.RawMessage // a JSON object; if nil, Text counts
	Text   string
}

// Items makes a sequence of items for Submit.
func Items(list ...Item) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, it := range list {
			if !yield(it, nil) {
				return
			}
		}
	}
}

// Texts makes a sequence of items for Submit from texts.
func Texts(list ...string) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, s := range list {
			if !yield(Item{Text: s}, nil) {
				return
			}
		}
	}
}

// With returns the item with more parameters. Those that the item has already are kept. Only an item without text can have
// more, because the name of the parameter that a text stands for is known to the recipe alone.
func (it Item) With(more map[string]any) (Item, error) {
	if len(more) == 0 {
		return it, nil
	}
	if it.Params == nil && it.Text != "" {
		return it, fmt.Errorf("%w: the text %.60q cannot have further parameters beside it: send all of them as a JSON object such as {\"url\": \"…\", …}", ErrItem, it.Text)
	}
	all := make(map[string]any, len(more))
	maps.Copy(all, more)
	if it.Params != nil {
		own := make(map[string]json.RawMessage)
		if err := json.Unmarshal(it.Params, &own); err != nil {
			return it, fmt.Errorf("%w: %.60q is not a JSON object: %w", ErrItem, it.Params, err)
		}
		for k, v := range own {
			all[k] = v
		}
	}
	data, err := json.Marshal(all)
	if err != nil {
		return it, fmt.Errorf("%w: parameters: %w", ErrItem, err)
	}
	return Item{Params: data}, nil
}

// body is the item as a message. Text that would be taken for something else (see events.ParseInput) travels as a JSON string.
func (it Item) body() ([]byte, error) {
	if it.Params != nil {
		p := bytes.TrimSpace(it.Params)
		if len(p) == 0 || p[0] != '{' || !json.Valid(p) {
			return nil, fmt.Errorf("%w: parameters %.60q are not a JSON object", ErrItem, it.Params)
		}
		return p, nil
	}
	if it.Text == "" {
		return nil, nil
	}
	if strings.TrimSpace(it.Text) == it.Text && strings.IndexByte("\"[{\xef", it.Text[0]) < 0 {
		return []byte(it.Text), nil
	}
	return json.Marshal(it.Text)
}
