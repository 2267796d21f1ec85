# syntax=docker/dockerfile:1
# The gateway on the Node 26 LTS slim image: production dependencies only, not root, everything read-only but /data.
#
#   docker build -t sallyport .
#   docker run --read-only -p 8443:8443 -v ./config:/etc/sallyport:ro -v ./certs:/etc/certs:ro -v sallyport:/data sallyport

FROM node:26-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run --silent build && npm prune --omit=dev --no-audit --no-fund

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /build/package.json ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/dist dist
COPY config/presets config/presets
COPY config/feeds config/feeds
COPY README.md CHANGELOG.md ./
RUN mkdir -p /data /etc/sallyport && chown 1000:1000 /data && chmod 0750 /data
VOLUME /data
USER 1000:1000
EXPOSE 8443
# The configuration names the admin address; `SALLYPORT_HEALTH` says where it is.
ENV SALLYPORT_HEALTH=http://127.0.0.1:9901/healthz
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(process.env.SALLYPORT_HEALTH).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
# No shell in between: signals reach the gateway itself.
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["run", "-c", "/etc/sallyport/sallyport.yaml"]
