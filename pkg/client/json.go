package client

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// notEscaped puts back what encoding/json escapes and JSON.stringify does not. An escaped backslash stays one, so that
// what follows it is not taken for an escape.
var notEscaped = strings.NewReplacer(`\\`, `\\`, `\u2028`, "\u2028", `\u2029`, "\u2029", `\ufffd`, "\ufffd")

// stringify writes what JSON.stringify writes, because the server signs what it writes itself from the parsed body.
func stringify(value any) string {
	switch v := value.(type) {
	case map[string]any:
		var members []string
		for _, name := range slices.SortedFunc(maps.Keys(v), compareNames) {
			members = append(members, stringify(name)+":"+stringify(v[name]))
		}
		return "{" + strings.Join(members, ",") + "}"
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
	return notEscaped.Replace(strings.TrimSuffix(b.String(), "\n"))
}

// compareNames gives an object's members an order that JavaScript keeps when it parses and writes them again: names
// that are array indices first, by number (ECMA-262, OrdinaryOwnPropertyKeys), then all others.
func compareNames(a, b string) int {
	return cmp.Or(cmp.Compare(arrayIndex(a), arrayIndex(b)), cmp.Compare(a, b))
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

// number reads a whole number that may be written as a string. Whatever else stands there is 0, not an error.
func number(value any) int {
	n, _ := value.(float64)
	if text, isText := value.(string); isText {
		n, _ = strconv.ParseFloat(strings.TrimSpace(text), 64) //nolint:errcheck // 0 or out of range
	}
	if n != float64(int32(n)) {
		return 0
	}
	return int(n)
}
