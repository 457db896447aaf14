package client

import (
	"fmt"
	"net/url"
	"strconv"
	"unicode/utf8"
)

// params are a call's parameters in the order they are sent: a JSON body's keys or a query's. A value is a string, a
// bool, an int, a []string or params again.
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
	case params:
		return v.appendJSON(b)
	case []string:
		b = append(b, '[')
		for i, s := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, s)
		}
		return append(b, ']')
	}
	panic(fmt.Sprintf("client: a parameter of type %T", value)) // a mistake in this package, found by its first test
}

// appendString quotes as ECMA-262 says under QuoteJSONString. What is not UTF-8 becomes U+FFFD, as in a JavaScript string.
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
