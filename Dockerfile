# The image: `docker run IMAGE` serves, `docker run IMAGE migrate` migrates. scripts/image-check takes the same steps without an engine.

# The base images. A tag can be moved: a release gives both by digest, with `docker build $(scripts/base-images) .`
# Node 26 is the active LTS line.
ARG NODE_IMAGE=node:26-trixie-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs26-debian13:nonroot

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --omit=optional
COPY tsconfig.json tsconfig.build.json ./
COPY migrations migrations
COPY src src
RUN npx tsc -p tsconfig.build.json

# What runs: no compiler, no tests, and no PostgreSQL, which is a server of its own here.
FROM ${NODE_IMAGE} AS production
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund --omit=dev --omit=optional --ignore-scripts
COPY --from=build /app/dist dist

FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=""
# Where this source is: `--build-arg SOURCE=https://github.com/…`, by which registries link an image to its repository.
ARG SOURCE=""
LABEL org.opencontainers.image.title="octogauge" \
      org.opencontainers.image.description="True Prometheus metrics for GitHub Actions, from webhooks, on any number of replicas" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"
ENV NODE_ENV=production \
    LOG_FORMAT=json \
    PATH=/nodejs/bin
WORKDIR /app
COPY LICENSE ./
COPY --from=production /app ./
# By number, so that Kubernetes sees that it is not root.
USER 65532:65532
EXPOSE 8080 8081
# Kubernetes probes /health/live and /health/ready on 8081; there is no shell for a health check.
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/src/cli.js"]
CMD ["serve"]
