package client

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// params are a call's parameters in the order they are sent: a JSON body's keys or a query's. A value is a string, a
// bool, an int, a []string, params again, or what encoding/json makes of any JSON.
type params []param

type param struct {
	name  string
	value any
}

// appendJSON writes what JSON.stringify writes, because the server signs what it writes itself from the parsed body.
// encoding/json writes other escapes for <, >, &, U+2028 and U+2029.
func (p params) appendJSON(b []byte) []byte {
	b = append(b, '{')
	for i, q := range p {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, q.name), ':')
		b = appendJSON(b, q.value)
	}
	return append(b, '}')
}

func appendJSON(b []byte, value any) []byte {
	switch v := value.(type) {
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case float64:
		return appendNumber(b, v)
	case nil:
		return append(b, "null"...)
	case params:
		return v.appendJSON(b)
	case map[string]any:
		return ordered(v).appendJSON(b)
	case []any:
		return appendList(b, v, appendJSON)
	case []string:
		return appendList(b, v, appendString)
	}
	panic(fmt.Sprintf("client: a parameter of type %T", value)) // a mistake in this package, found by its first test
}

func appendList[T any](b []byte, list []T, appendValue func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, value := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendValue(b, value)
	}
	return append(b, ']')
}

// ordered gives an object's members in an order that JavaScript keeps when it parses and writes them again: names that
// are array indices first, by number (ECMA-262, OrdinaryOwnPropertyKeys), then all others.
func ordered(object map[string]any) params {
	p := make(params, 0, len(object))
	for name, value := range object {
		p = append(p, param{name, value})
	}
	slices.SortFunc(p, func(a, b param) int {
		i, isA := arrayIndex(a.name)
		j, isB := arrayIndex(b.name)
		switch {
		case isA && isB:
			return cmp.Compare(i, j)
		case isA:
			return -1
		case isB:
			return 1
		}
		return strings.Compare(a.name, b.name)
	})
	return p
}

func arrayIndex(name string) (uint64, bool) {
	n, err := strconv.ParseUint(name, 10, 32)
	return n, err == nil && n < 1<<32-1 && strconv.FormatUint(n, 10) == name
}

// appendNumber writes a number as Number::toString of ECMA-262 does: the shortest digits that give it back, without an
// exponent from 1e-6 to below 1e21.
func appendNumber(b []byte, f float64) []byte {
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		text := strconv.FormatFloat(f, 'e', -1, 64) // e-07 and e+21, where JavaScript has e-7 and e+21
		return append(b, strings.Replace(text, "e-0", "e-", 1)...)
	}
	if f == 0 {
		return append(b, '0') // -0 too
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// appendString quotes as ECMA-262 says under QuoteJSONString. What is not UTF-8 becomes U+FFFD, as in a JavaScript
// string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, c)
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return fmt.Appendf(b, `\u%04x`, c)
}

// query writes an array as name[]=a&name[]=b, which Node's parsers read as an array even when it has one element.
func (p params) query() url.Values {
	q := url.Values{}
	for _, each := range p {
		switch v := each.value.(type) {
		case []string:
			q[each.name+"[]"] = v
		case string:
			q.Set(each.name, v)
		default:
			q.Set(each.name, string(appendJSON(nil, v)))
		}
	}
	return q
}
