# The image of the Prefect worker on Kubernetes: the platform's own, and what makes jobs of flow runs.
ARG ASSAY_IMAGE=assay:0.1.0
FROM ${ASSAY_IMAGE}
USER root
RUN /opt/assay/bin/pip install --no-cache-dir "prefect-kubernetes==0.8.0" "prefect==3.8.8"
USER assay
