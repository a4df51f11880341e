# An image that holds one static binary and nothing else, and runs as nobody.
#   docker build -t hookloft .
#   docker run -p 127.0.0.1:8071:8071 -v hookloft:/data hookloft
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags='-s -w' -o /out/hookloft ./cmd/hookloft \
 && mkdir -p /out/data && chmod 0700 /out/data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/hookloft /hookloft
COPY --from=build --chown=65534:65534 /out/data /data
USER 65534:65534
VOLUME /data
EXPOSE 8071
# Inside a container every client comes over the network: publish the port to loopback, or set a certificate.
ENV HOOKLOFT_DATA=/data HOOKLOFT_LISTEN=0.0.0.0:8071 HOOKLOFT_LOG_FORMAT=json
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/hookloft", "healthcheck", "http://127.0.0.1:8071"]
ENTRYPOINT ["/hookloft"]
CMD ["serve"]
