# Label worker: the driver's image and conda-forge's Psi4 in an environment of its own, which reactal speaks to over a pipe.
# Build the driver's first; infra/docker/build.py does, and hands its name on.
ARG DRIVER=reactal-driver:dev
ARG MICROMAMBA=2.3.3-debian12-slim
FROM mambaorg/micromamba:${MICROMAMBA} AS psi4
ARG PSI4=1.10.1
ARG PYTHON=3.12
# hadolint ignore=DL3002
USER 0:0
# the solver's choice is written down beside the environment: explicit.txt makes the same one again
RUN micromamba create --yes --quiet --prefix /opt/conda/envs/psi4 --channel conda-forge --strict-channel-priority \
       "psi4=${PSI4}" "python=${PYTHON}" \
    && micromamba list --prefix /opt/conda/envs/psi4 --json > /opt/conda/envs/psi4/sbom.conda.json \
    && micromamba env export --prefix /opt/conda/envs/psi4 --explicit > /opt/conda/envs/psi4/explicit.txt \
    && micromamba clean --all --yes

# hadolint ignore=DL3006
FROM ${DRIVER}
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="reactal psi4" \
      org.opencontainers.image.description="Active learning of reactive potentials: labels by Psi4" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=psi4 /opt/conda/envs/psi4 /opt/conda/envs/psi4
ENV REACTAL_PSI4=/opt/conda/envs/psi4/bin/psi4
USER 10001:10001
# fails while the image is built where reactal would not find this Psi4
RUN python -c "from reactal.labeling.locate import find_psi4; print(find_psi4())"
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["python", "/srv/reactal/bin/healthy.py"]
