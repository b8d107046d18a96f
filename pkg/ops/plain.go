package ops

import (
	"bytes"
	"reflect"
	"strings"
	"sync"
	"unicode/utf8"
)

// plain reads the arguments that most items have, a compact object of texts and booleans, without what encoding/json takes for any
// JSON: a tenth of the time and no deeper stack, in each of the operations of an item. It tells whether the arguments were such; of others v may
// have been filled in part, with what reading them again gives too.
func plain(data []byte, v any) bool {
	if len(data) < 2 || data[0] != '{' || data[len(data)-1] != '}' {
		return false
	}
	rest := data[1 : len(data)-1]
	if len(rest) == 0 {
		return true
	}
	to := reflect.ValueOf(v)
	if to.Kind() != reflect.Pointer || to.Elem().Kind() != reflect.Struct {
		return false
	}
	to = to.Elem()
	known := plainFieldsOf(to.Type())
	for {
		name, after, ok := plainText(rest)
		if !ok || len(after) == 0 || after[0] != ':' {
			return false
		}
		index, ok := known[string(name)]
		if !ok {
			return false
		}
		field := to.FieldByIndex(index)
		if rest, ok = setPlain(field, after[1:]); !ok {
			return false
		}
		if len(rest) == 0 {
			return true
		}
		if rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
}

func setPlain(field reflect.Value, data []byte) (rest []byte, ok bool) {
	if field.Kind() == reflect.String {
		text, rest, ok := plainText(data)
		if ok {
			field.SetString(string(text))
		}
		return rest, ok
	}
	if rest, ok := bytes.CutPrefix(data, []byte("true")); ok {
		field.SetBool(true)
		return rest, true
	}
	if rest, ok := bytes.CutPrefix(data, []byte("false")); ok {
		field.SetBool(false)
		return rest, true
	}
	return nil, false
}

// plainText cuts off a string in which nothing is escaped (RFC 8259 section 7).
func plainText(data []byte) (text, rest []byte, ok bool) {
	if len(data) == 0 || data[0] != '"' {
		return nil, nil, false
	}
	for i, c := range data[1:] {
		switch {
		case c == '"':
			text, rest = data[1:1+i], data[2+i:]
			return text, rest, utf8.Valid(text)
		case c == '\\', c < ' ':
			return nil, nil, false
		}
	}
	return nil, nil, false
}

// plainFields holds, by the type of arguments, where the texts and booleans of plainFieldsOf are.
var plainFields sync.Map

// plainFieldsOf lists the fields that are a string or a bool and nothing else, by their names in JSON. A name that more than one field
// might be meant by is left to encoding/json.
func plainFieldsOf(t reflect.Type) map[string][]int {
	if known, ok := plainFields.Load(t); ok {
		fields, _ := known.(map[string][]int)
		return fields
	}
	fields, times := map[string][]int{}, map[string]int{}
	for _, f := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		times[strings.ToLower(name)]++
		simple := f.Type == reflect.TypeFor[string]() || f.Type == reflect.TypeFor[bool]()
		if f.IsExported() && simple && name != "-" && options == "" && !throughPointer(t, f.Index) {
			fields[name] = f.Index
		}
	}
	for name := range fields {
		if times[strings.ToLower(name)] > 1 {
			delete(fields, name)
		}
	}
	plainFields.Store(t, fields) // what another goroutine may have stored meanwhile is the same
	return fields
}

// throughPointer tells whether a field is in a struct that is embedded by a pointer, which may be nil.
func throughPointer(t reflect.Type, index []int) bool {
	for _, i := range index[:len(index)-1] {
		if t = t.Field(i).Type; t.Kind() == reflect.Pointer {
			return true
		}
	}
	return false
}
