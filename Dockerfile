# syntax is plain: it builds with any engine, with or without BuildKit.
# Base images are arguments, so that a mirror, a stand-in, or one by its digest can be used instead.
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
ARG VERSION=
LABEL org.opencontainers.image.title="bulkdelete" \
      org.opencontainers.image.description="Delete the users a CSV names from a GenAuth user pool, and prove it row by row" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}"
# Where plan keeps standard input, or what a URL names, while it reads it.
ENV TMPDIR=/data
ENTRYPOINT ["/bulkdelete"]
CMD ["help"]
