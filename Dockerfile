# The image of Sluice: the release binary on a distroless base, user 65532.
# `tests/testbed/testbed image` makes the same layout without a registry or daemon.

FROM rust:1.95-bookworm AS builder
WORKDIR /build

# The dependencies alone first: this layer stays as long as Cargo.toml and Cargo.lock do.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
 && echo 'fn main() {}' > src/main.rs \
 && touch src/lib.rs \
 && cargo build --release --locked \
 && rm -r src

COPY src src
# Cargo compares times: the real files must be newer than the stand-ins above.
RUN touch src/main.rs src/lib.rs && cargo build --release --locked

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=builder /build/target/release/sluice /sluice
USER 65532:65532
ENTRYPOINT ["/sluice"]
