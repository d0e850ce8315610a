# One image, one command: status-guard.
#
#   docker build --tag status-guard:0.1.0 .
#
# Both stages name the exact Python that the lock was resolved for. A digest would pin the layers too; put the one that
# your registry shows for this tag behind it (python:3.11.14-slim-trixie@sha256:…) where builds have to be repeatable.

FROM python:3.11.14-slim-trixie AS build
WORKDIR /build
RUN python -m venv /opt/status-guard
# The lock alone first: this layer changes when a dependency does, not when the code does.
COPY requirements.lock .
RUN /opt/status-guard/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY app app
# Built by the setuptools of the lock, so nothing is fetched that no hash speaks for.
RUN /opt/status-guard/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/status-guard/bin/python -m pip uninstall --quiet --yes setuptools wheel pip \
 && python -m compileall -q --invalidation-mode unchecked-hash /opt/status-guard

FROM python:3.11.14-slim-trixie
# The base brings a pip of its own; nothing is installed at run time.
RUN python -m pip uninstall --quiet --yes --root-user-action ignore pip setuptools wheel
COPY --from=build /opt/status-guard /opt/status-guard
# The file system is read-only in a pod, and everything is compiled by now.
ENV PYTHONDONTWRITEBYTECODE=1
# A number: the kubelet cannot tell whether a name is root. manifests/ asks for the same.
USER 65532:65532
WORKDIR /
EXPOSE 8443 8080
# SIGTERM, which is what it drains on, is the default. Without a shell in between it arrives.
ENTRYPOINT ["/opt/status-guard/bin/status-guard"]
CMD ["--help"]
