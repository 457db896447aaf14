package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object as JavaScript has it after parsing: a repeated name has its last value at its first place,
// and array indices come first, in order.
type object []member

type member struct {
	name  string
	value any
}

func (o object) set(name string, value any) object {
	if at := slices.IndexFunc(o, func(m member) bool { return m.name == name }); at >= 0 {
		o[at].value = value
		return o
	}
	return append(o, member{name, value})
}

// index gives what is no array index a number behind them all.
func (m member) index() int64 {
	n, err := strconv.ParseInt(m.name, 10, 64)
	if err != nil || n < 0 || n > 1<<32-2 || strconv.FormatInt(n, 10) != m.name {
		return 1 << 32
	}
	return n
}

// ordered reads valid JSON, with objects as JavaScript has them.
func ordered(d *json.Decoder) any {
	token, _ := d.Token()
	switch token {
	case json.Delim('{'):
		members := object{}
		for d.More() {
			name, _ := d.Token()
			members = members.set(name.(string), ordered(d))
		}
		d.Token()
		slices.SortStableFunc(members, func(a, b member) int { return cmp.Compare(a.index(), b.index()) })
		return members
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, ordered(d))
		}
		d.Token()
		return list
	}
	return token
}

func text(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return stringify(value)
}

// notEscaped puts back what encoding/json escapes and JSON.stringify does not. An escaped backslash in front would make
// the six letters text, so it is taken first.
var notEscaped = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029")

// stringify writes a value as JavaScript's JSON.stringify does.
func stringify(value any) string {
	var parts []string
	switch v := value.(type) {
	case object:
		for _, m := range v {
			parts = append(parts, stringify(m.name)+":"+stringify(m.value))
		}
		return "{" + strings.Join(parts, ",") + "}"
	case []any:
		for _, e := range v {
			parts = append(parts, stringify(e))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case json.Number:
		return number(v)
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.Encode(value) //nolint:errcheck // a string, a list of them, a bool or nil always can
	return notEscaped.Replace(strings.TrimSuffix(b.String(), "\n"))
}

// number writes a number as JavaScript does. encoding/json has the same rules for a float64 (ECMA-262,
// Number::toString), but for the sign of zero.
func number(n json.Number) string {
	f, err := n.Float64()
	switch {
	case err != nil: // Infinity, which JSON.stringify writes as null
		return "null"
	case f == 0:
		return "0"
	}
	text, _ := json.Marshal(f)
	return string(text)
}
