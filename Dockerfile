# One image for every Python part: flows, Prefect, MLflow, services. docker-compose.yml says which command runs.
FROM python:3.11.14-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/assay
WORKDIR /app
COPY pyproject.toml requirements.lock ./
# What the platform needs to run, at the versions of the lock; the tools of development stay out.
RUN python -c "import tomllib; print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies']))" > /tmp/runtime.txt \
 && /opt/assay/bin/pip install -r /tmp/runtime.txt setuptools -c requirements.lock

FROM python:3.11.14-slim-trixie
# What the slim image lacks: LightGBM's OpenMP runtime, and pg_dump and pg_restore for `assay backup`. They must be
# of the server's major version or newer; Debian 13 has that of the compose file.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgomp1 postgresql-client-17 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --create-home --shell /usr/sbin/nologin assay \
 && install -d -o assay -g assay /app /data /data/assay
COPY --from=build /opt/assay /opt/assay
ENV PATH=/opt/assay/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ASSAY_HOME=/data/assay \
    DO_NOT_TRACK=true \
    PREFECT_SERVER_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    BENTOML_DO_NOT_TRACK=True
WORKDIR /app
COPY pyproject.toml README.md deploy_flows.py ./
COPY cli cli
COPY config config
COPY demo demo
COPY flows flows
COPY local local
COPY migrations migrations
COPY models models
COPY registry registry
COPY serving serving
COPY storage storage
COPY tasks tasks
RUN /opt/assay/bin/pip install --no-deps --no-build-isolation -e . && chown -R assay:assay /app
USER assay
CMD ["assay", "--help"]
