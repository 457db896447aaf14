# syntax is plain: it builds with any engine, with or without BuildKit.
# Base images are arguments, so that a mirror or a stand-in can be used instead.
ARG BUILD_IMAGE=golang:1.26
ARG CERTS_IMAGE=${BUILD_IMAGE}

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY . .
ARG VERSION=
# No go mod download before: the build fetches what it needs itself, which is a part of go.mod.
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w -X main.release=${VERSION}" -o /out/bulkdelete ./cmd/bulkdelete \
 && mkdir /out/data

FROM ${CERTS_IMAGE} AS certs

FROM scratch
COPY --from=certs /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/bulkdelete /bulkdelete
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
WORKDIR /data
VOLUME /data
# Where plan keeps standard input, or what a URL names, while it reads it.
ENV TMPDIR=/data
ENTRYPOINT ["/bulkdelete"]
CMD ["help"]
