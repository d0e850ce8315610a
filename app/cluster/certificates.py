"""Certificates in a cluster: the Secret they are kept in, and the configurations that carry their CA."""

from base64 import b64encode
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import Final

from kubernetes.aio.client import AdmissionregistrationV1Api, ApiClient, CoreV1Api
from msgspec import Struct

from app.cluster.calls import JSON_PATCH, call, decoded, only_at
from app.cluster.port import OURS, ClusterError, Kind, Registration, Secret

MANAGER: Final = "status-guard-certs"
"""The field manager: ``kubectl get --show-managed-fields`` tells who wrote the bundle."""


class _Metadata(Struct, rename="camel"):
    name: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None

    @property
    def ours(self) -> bool:
        label, value = OURS
        return (self.labels or {}).get(label) == value


class _ClientConfig(Struct, rename="camel"):
    ca_bundle: bytes = b""


class _Webhook(Struct, rename="camel"):
    client_config: _ClientConfig


class _Configuration(Struct):
    metadata: _Metadata
    webhooks: list[_Webhook] | None = None


class _Configurations(Struct):
    items: list[_Configuration]


class _Secret(Struct):
    metadata: _Metadata
    data: dict[str, bytes] | None = None


class KubernetesCluster:
    """A cluster, by the calls that the Role for certificates allows.

    Args:
        api: a configured client.
        namespace: where the Secret is.
        secret: the Secret's name.
        configurations: kind and name of each webhook configuration to look at; none for all that carry our label,
            which takes the right to list them.
    """

    def __init__(
        self, api: ApiClient, namespace: str, secret: str, configurations: Collection[tuple[Kind, str]] = ()
    ) -> None:
        self._core, admission = CoreV1Api(api), AdmissionregistrationV1Api(api)
        self._namespace, self._secret, self._names = namespace, secret, configurations
        self._list = {
            Kind.MUTATING: admission.list_mutating_webhook_configuration_without_preload_content,
            Kind.VALIDATING: admission.list_validating_webhook_configuration_without_preload_content,
        }
        self._read = {
            Kind.MUTATING: admission.read_mutating_webhook_configuration_without_preload_content,
            Kind.VALIDATING: admission.read_validating_webhook_configuration_without_preload_content,
        }
        self._patch = {
            Kind.MUTATING: admission.patch_mutating_webhook_configuration_without_preload_content,
            Kind.VALIDATING: admission.patch_validating_webhook_configuration_without_preload_content,
        }

    async def registrations(self) -> tuple[Registration, ...]:
        """See :class:`app.cluster.port.Cluster`."""
        found: list[Registration] = []
        for kind in Kind if not self._names else ():
            answer = await call(f"list every {kind}", self._list[kind], label_selector="=".join(OURS))
            listed = decoded(answer, _Configurations, f"list of every {kind}").items
            found += [_registration(kind, item) for item in listed]
        for kind, name in self._names:
            answer = await call(f"read {kind} {name}", self._read[kind], name, or_absent=True)
            if not answer.absent:
                found.append(_registration(kind, decoded(answer, _Configuration, f"{kind} {name}")))
        return tuple(found)

    async def secret(self) -> Secret:
        """See :class:`app.cluster.port.Cluster`."""
        what = f"Secret {self._namespace}/{self._secret}"
        answer = await call(
            f"read {what}", self._core.read_namespaced_secret_without_preload_content, self._secret, self._namespace
        )
        found = decoded(answer, _Secret, what)
        try:
            read_at = parsedate_to_datetime(answer.headers["Date"])
        except (KeyError, ValueError):
            raise ClusterError(
                f"the answer to 'read {what}' has no Date header that can be read, and certificates need the API"
                " server's clock; look for a proxy that removes it"
            ) from None
        return Secret(found.metadata.resource_version, found.data or {}, found.metadata.ours, read_at)

    async def store(self, before: Secret, data: Mapping[str, bytes]) -> None:
        """See :class:`app.cluster.port.Cluster`."""
        content = {key: b64encode(value).decode() for key, value in data.items()}
        await call(
            f"write Secret {self._namespace}/{self._secret}",
            self._core.patch_namespaced_secret_without_preload_content,
            self._secret,
            self._namespace,
            [only_at(before.version), {"op": "add", "path": "/data", "value": content}],
            _content_type=JSON_PATCH,
            field_manager=MANAGER,
        )

    async def publish(self, before: Registration, bundle: bytes) -> None:
        """See :class:`app.cluster.port.Cluster`."""
        value = b64encode(bundle).decode()
        paths = [f"/webhooks/{at}/clientConfig/caBundle" for at in range(len(before.bundles))]
        changes = [{"op": "add", "path": path, "value": value} for path in paths]
        await call(
            f"write {before}",
            self._patch[before.kind],
            before.name,
            [only_at(before.version), *changes],
            _content_type=JSON_PATCH,
            field_manager=MANAGER,
        )


def _registration(kind: Kind, found: _Configuration) -> Registration:
    bundles = tuple(webhook.client_config.ca_bundle for webhook in found.webhooks or ())
    return Registration(kind, found.metadata.name, found.metadata.resource_version, bundles, found.metadata.ours)
