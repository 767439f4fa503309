# Stand-ins for the build image (target go) and the two distroless runtime images (static, cc), from Debian packages.
ARG DEBIAN_IMAGE=debian:bookworm-slim
ARG GO_IMAGE=golang:1.26-bookworm

# The official Go image has a C++ compiler; a stand-in for it may not.
FROM ${GO_IMAGE} AS go
RUN command -v g++ >/dev/null || { apt-get update && apt-get install -y --no-install-recommends g++ libc6-dev && rm -rf /var/lib/apt/lists/*; }

FROM ${DEBIAN_IMAGE} AS files
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tzdata && mkdir -p /debs && cd /debs \
 && apt-get download libc6 libstdc++6 libgcc-s1 \
 && mkdir -p /static/etc/ssl/certs /static/tmp /static/usr/share /cc && chmod 1777 /static/tmp \
 && cp -L /etc/ssl/certs/ca-certificates.crt /static/etc/ssl/certs/ && cp -r /usr/share/zoneinfo /static/usr/share/ \
 && printf 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n' >/static/etc/passwd \
 && printf 'root:x:0:\nnonroot:x:65532:\n' >/static/etc/group \
 && for d in *.deb; do dpkg -x "$d" /cc; done && rm -rf /cc/usr/share

FROM scratch AS static
COPY --from=files /static /
USER 65532:65532

FROM scratch AS cc
COPY --from=files /static /
COPY --from=files /cc /
USER 65532:65532
