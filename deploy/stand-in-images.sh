#!/usr/bin/env bash
# Makes sure that `docker build` finds its base image where no registry can be reached.
#
# The Dockerfile starts from golang:1.26 alone, twice: to compile, and for the root certificates. If the engine has that
# image or can pull it, nothing is done. Else a stand-in of that name is made from this machine's own Go toolchain, shell,
# root certificates and Go modules. It never replaces a real image. To be rid of it: docker rmi golang:1.26
set -euo pipefail
cd "$(dirname "$0")/.."

image=golang:1.26
label=bulkdelete.stand-in

# What the stand-in depends on; it is made anew when that changes.
stamp=$({ go version; cat go.mod go.sum "deploy/${0##*/}"; } | sha256sum | cut -c1-16)

have=$(docker image inspect -f "{{with .Config.Labels}}{{index . \"$label\"}}{{end}}" "$image" 2>/dev/null) && {
  [ -n "$have" ] || { echo "$image is here"; exit 0; }
  [ "$have" != "$stamp" ] || { echo "$image: the stand-in is here"; exit 0; }
}
if why=$(docker pull --quiet "$image" 2>&1); then echo "$image was pulled"; exit 0; fi
echo "$image cannot be pulled ($why): making a stand-in"

go mod download
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A tree of links to what the image needs; tar follows them, so nothing is copied.
link() { mkdir -p "$work/root$(dirname "$2")"; ln -s "$(realpath "$1")" "$work/root$2"; }

goroot=$(go env GOROOT)
for part in bin/go pkg/tool pkg/include src lib go.env VERSION; do
  link "$goroot/$part" "/usr/local/go/$part"
done

# The module cache's download folder has the layout of a module proxy. Only what go.sum names is taken.
modules=$(go env GOMODCACHE)/cache/download
while read -r path version _; do
  file=$(sed 's/[A-Z]/!\L&/g' <<<"$path/@v/${version%/go.mod}") # upper case letters as a proxy writes them
  for kind in info mod zip; do
    from=$modules/$file.$kind to=/modules/$file.$kind
    [ ! -e "$from" ] || [ -e "$work/root$to" ] || link "$from" "$to"
  done
done <go.sum

for program in sh mkdir; do
  file=$(realpath "$(command -v "$program")")
  link "$file" "/bin/$program"
  { ldd "$file" 2>/dev/null || true; } | grep -o '/[^ ]*' | while read -r library; do
    [ -e "$work/root$library" ] || link "$library" "$library"
  done
done

for certs in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem /etc/ssl/cert.pem; do
  [ ! -e "$certs" ] || { link "$certs" /etc/ssl/certs/ca-certificates.crt; break; }
done
mkdir -p -m 1777 "$work/root/tmp"

tar -C "$work/root" --dereference --owner=0 --group=0 --numeric-owner \
    --exclude='*_test.go' --exclude=testdata --exclude=src/cmd -c . |
  docker import --change 'ENV PATH=/usr/local/go/bin:/bin GOROOT=/usr/local/go GOPATH=/go GOTOOLCHAIN=local' \
    --change 'ENV HOME=/tmp GOPROXY=file:///modules GOSUMDB=off' --change 'WORKDIR /go' \
    --change "LABEL $label=$stamp" - "$image" >"$work/id"
echo "$image: made a stand-in, $(docker image inspect -f '{{.Size}}' "$image" | numfmt --to=iec)"
