package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// params are a call's parameters in the order they are sent: a JSON body's keys or a query's. A value is a string, a
// bool, an int, a []string, params again, or what encoding/json makes of any JSON.
type params []param

type param struct {
	name  string
	value any
}

func byName(a, b param) int { return strings.Compare(a.name, b.name) }

// notEscaped puts back what encoding/json escapes and JSON.stringify does not. An escaped backslash stays one, so that
// what follows it is not taken for an escape.
var notEscaped = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd")

// stringify writes what JSON.stringify writes, because the server signs what it writes itself from the parsed body.
func stringify(value any) string {
	switch v := value.(type) {
	case params:
		members := make([]string, len(v))
		for i, member := range v {
			members[i] = stringify(member.name) + ":" + stringify(member.value)
		}
		return "{" + strings.Join(members, ",") + "}"
	case map[string]any:
		return stringify(ordered(v))
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = stringify(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case float64:
		if v == 0 {
			return "0" // -0 too
		}
	}
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		panic(fmt.Sprintf("client: a parameter of type %T", value)) // a mistake in this package, found by its first test
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if !strings.Contains(text, `\`) {
		return text // as nearly always: a replacer looks at each byte, a quarter of what a call costs
	}
	return notEscaped.Replace(text)
}

// ordered gives an object's members in an order that JavaScript keeps when it parses and writes them again: names that
// are array indices first, by number (ECMA-262, OrdinaryOwnPropertyKeys), then all others.
func ordered(object map[string]any) params {
	p := make(params, 0, len(object))
	for name, value := range object {
		p = append(p, param{name, value})
	}
	slices.SortFunc(p, func(a, b param) int {
		return cmp.Or(cmp.Compare(arrayIndex(a.name), arrayIndex(b.name)), byName(a, b))
	})
	return p
}

// arrayIndex gives what is no array index the number behind the last one.
func arrayIndex(name string) uint64 {
	const none = 1<<32 - 1
	n, err := strconv.ParseUint(name, 10, 32)
	if err != nil || strconv.FormatUint(n, 10) != name {
		return none
	}
	return n
}

// plain gives strings as they are and anything else as JSON.
func plain(value any) string {
	if s, ok := value.(string); ok {
		return s
	}
	return stringify(value)
}

// query writes an array as name[]=a&name[]=b, which Node's parsers read as an array even when it has one element.
func (p params) query() url.Values {
	q := url.Values{}
	for _, each := range p {
		if list, ok := each.value.([]string); ok {
			q[each.name+"[]"] = list
		} else {
			q.Set(each.name, plain(each.value))
		}
	}
	return q
}
