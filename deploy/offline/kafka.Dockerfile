# Stand-in for apache/kafka: the Apache jars on Debian's Java runtime, configured by the same environment variables.
ARG DEBIAN_IMAGE=debian:bookworm-slim
FROM ${DEBIAN_IMAGE}
RUN apt-get update && apt-get install -y --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 1000 --create-home appuser && mkdir -p /var/lib/kafka/data /opt/kafka/config && chown -R appuser /var/lib/kafka /opt/kafka/config
COPY libs /opt/kafka/libs
COPY kafka-entrypoint /usr/local/bin/kafka-entrypoint
USER 1000
VOLUME /var/lib/kafka/data
EXPOSE 9092
ENTRYPOINT ["bash", "/usr/local/bin/kafka-entrypoint"]
