package client

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// headerPrefix starts the names of the API's own headers.
func headerPrefix(cfg Config) string {
	if cfg.Dialect == "genauth" && cfg.Auth == "signature" {
		return "x-genauth-"
	}
	return "x-authing-"
}

// sign signs an attempt with the access key's secret, by the server's clock once that has complained.
func (a *call) sign(h http.Header) {
	cfg := a.client.cfg
	now := time.Now().Add(time.Duration(a.client.clockOff.Load()))
	prefix, scheme := headerPrefix(cfg), "authing"
	if cfg.Dialect == "genauth" {
		scheme = "GenAuth"
	}
	h.Set("Date", now.UTC().Format(http.TimeFormat))
	h.Set(prefix+"signature-nonce", nonce())
	h.Set(prefix+"signature-method", "HMAC-SHA1")
	h.Set(prefix+"signature-version", "1.0")
	text := stringToSign(a.method(), a.path(), h, prefix, a.params)
	h.Set("Authorization", scheme+" "+cfg.AccessKeyID+":"+sign(string(cfg.AccessKeySecret), text))
}

func nonce() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // never fails
	return hex.EncodeToString(b[:])
}

func sign(secret, text string) string {
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// stringToSign is the text of docs/genauth-api.md, "Authorization, two ways": the method, the date and the API's own
// headers, and the path with the parameters as the server will have parsed them.
func stringToSign(method, path string, h http.Header, prefix string, params map[string]any) string {
	var names, fields []string
	for name := range h {
		if lower := strings.ToLower(name); lower == "date" || strings.HasPrefix(lower, prefix) {
			names = append(names, lower)
		}
	}
	var b strings.Builder
	b.WriteString(method + "\n")
	blanks := strings.NewReplacer("\t", " ", "\r", " ", "\n", " ")
	for _, name := range slices.Sorted(slices.Values(names)) {
		b.WriteString(name + ":" + strings.TrimSpace(blanks.Replace(h.Get(name))) + "\n")
	}
	b.WriteString(path)
	for _, name := range slices.Sorted(maps.Keys(params)) {
		fields = append(fields, name+"="+plain(params[name]))
	}
	if len(fields) > 0 {
		b.WriteString("?" + strings.Join(fields, "&"))
	}
	return b.String()
}
