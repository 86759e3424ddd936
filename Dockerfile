# Dependencies first, code last: a change of code costs seconds, a change of dependencies the whole install.

FROM python:3.11-slim-bookworm AS requirements
WORKDIR /build
COPY pyproject.toml config/stack/requirements.py ./
RUN python requirements.py pyproject.toml stack example > requirements.txt

FROM python:3.11-slim-bookworm AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /build
COPY constraints.txt ./
COPY --from=requirements /build/requirements.txt ./
RUN /opt/venv/bin/pip install -c constraints.txt -r requirements.txt

FROM dependencies AS wheel
COPY pyproject.toml README.md LICENSE ./
COPY include include
RUN /opt/venv/bin/pip wheel --no-deps --wheel-dir /wheels .

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 evenkeel \
 && useradd --uid 10001 --gid evenkeel --create-home evenkeel \
 && install -d -o evenkeel -g evenkeel -m 0750 /lake /data /logs /mlflow /home/evenkeel/airflow
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=wheel /wheels /wheels
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl
WORKDIR /opt/evenkeel
COPY constraints.txt ./
COPY config config
COPY dags dags
COPY plugins plugins

# No secret here: those come when a container starts.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EVENKEEL_PROJECT=/opt/evenkeel \
    EVENKEEL_HOME=/home/evenkeel \
    EVENKEEL_LAKE=/lake \
    EVENKEEL_DATA=/data \
    AIRFLOW_HOME=/home/evenkeel/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/evenkeel/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/evenkeel/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    GX_ANALYTICS_ENABLED=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    EVIDENTLY_DISABLE_TELEMETRY=1 \
    DO_NOT_TRACK=true \
    MPLBACKEND=Agg

# The image holds no repository to ask for the commit: STACK_CODE_VERSION=$(git rev-parse HEAD) docker compose build
ARG CODE_VERSION=
ENV EVENKEEL_CODE_VERSION=$CODE_VERSION
USER 10001:10001
