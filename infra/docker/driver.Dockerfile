# Driver, Prefect worker and CPU worker without Psi4: reactal with the versions of constraints.txt and the CPU build of torch.
# Built by infra/docker/build.py, once per commit; its steps are proven without a container engine by infra/docker/prove.py.
ARG DEBIAN=12.12-slim
FROM debian:${DEBIAN} AS build
ARG UV=0.13.8
ARG CYCLONEDX=7.5.0
# the CPU build of torch; empty: torch of the default index, which brings CUDA
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
# Debian's release is pinned above, and its security updates are wanted
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /srv/tools \
    && /srv/tools/bin/pip install --no-cache-dir "uv==${UV}" "cyclonedx-bom==${CYCLONEDX}"
WORKDIR /srv/source
COPY pyproject.toml constraints.txt overrides.txt README.md LICENSE ./
# packages before the source, so that a change of the source alone repeats seconds
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
LABEL org.opencontainers.image.title="reactal driver" \
      org.opencontainers.image.description="Active learning of reactive potentials: driver, Prefect worker and CPU worker" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# git: Prefect and MLflow note the revision where a checkout is mounted
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git libgomp1 python3 tini \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --create-home --home-dir /var/lib/reactal --shell /usr/sbin/nologin reactal \
    && install --directory --owner=reactal --group=reactal /scratch /campaigns
COPY --from=build /srv/reactal /srv/reactal
COPY infra/docker/healthy.py /srv/reactal/bin/healthy.py
COPY prefect.yaml /srv/reactal/prefect.yaml
COPY infra/prefect/ /srv/reactal/infra/prefect/
ENV PATH=/srv/reactal/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/var/lib/reactal \
    OMP_NUM_THREADS=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /var/lib/reactal
# REACTAL_HEALTH_URL names the page that tells: of the driver's metrics, of a Dask worker's dashboard, of a Prefect worker
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "/srv/reactal/bin/healthy.py"]
ENTRYPOINT ["tini", "--", "reactal"]
CMD ["--help"]
