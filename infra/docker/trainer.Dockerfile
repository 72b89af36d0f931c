# GPU trainer: the driver's image with the CUDA build of torch, for hosts with NVIDIA's container toolkit. The wheels bring CUDA.
# The same steps as driver.Dockerfile, whose argument TORCH_INDEX alone differs; tests/infra holds them against each other.
ARG DEBIAN=12.12-slim
FROM debian:${DEBIAN} AS build
ARG UV=0.13.8
ARG CYCLONEDX=7.5.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cu130
# Debian's release is pinned above, and its security updates are wanted
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /srv/tools \
    && /srv/tools/bin/pip install --no-cache-dir "uv==${UV}" "cyclonedx-bom==${CYCLONEDX}"
WORKDIR /srv/source
COPY pyproject.toml constraints.txt overrides.txt README.md LICENSE ./
RUN python3 -m venv --without-pip /srv/reactal \
    && /srv/tools/bin/uv pip install --no-cache --compile-bytecode --python /srv/reactal/bin/python \
       --constraint constraints.txt --override overrides.txt --index-strategy unsafe-best-match \
       ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} --requirement pyproject.toml --extra cluster --extra servers --extra tune
COPY reactal/ reactal/
COPY flows/ flows/
COPY tasks/ tasks/
RUN /srv/tools/bin/uv pip install --no-cache --compile-bytecode --no-deps --python /srv/reactal/bin/python . \
    && /srv/tools/bin/cyclonedx-py environment /srv/reactal/bin/python --output-reproducible --output-file /srv/reactal/sbom.cdx.json \
    && rm -f /srv/reactal/.lock

FROM debian:${DEBIAN}
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="reactal trainer" \
      org.opencontainers.image.description="Active learning of reactive potentials: training and exploration on NVIDIA GPUs" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# g++: long trainings are compiled to machine code (training.compile_from)
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates g++ git libgomp1 python3 python3-dev tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/reactal --shell /usr/sbin/nologin reactal \
    && install --directory --owner=reactal --group=reactal /scratch /campaigns
COPY --from=build /srv/reactal /srv/reactal
COPY infra/docker/healthy.py /srv/reactal/bin/healthy.py
COPY prefect.yaml /srv/reactal/prefect.yaml
COPY infra/prefect/ /srv/reactal/infra/prefect/
ENV PATH=/srv/reactal/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/reactal \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    NVIDIA_VISIBLE_DEVICES=all \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/reactal
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "/srv/reactal/bin/healthy.py"]
ENTRYPOINT ["tini", "--", "reactal"]
CMD ["--help"]
