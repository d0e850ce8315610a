"""Which cluster, and as whom: by kubeconfig, as kubectl finds it, or in a pod by its ServiceAccount."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config

from app.cluster.port import ClusterError

_VARIABLE: Final = "KUBECONFIG"
_USUAL: Final = "~/.kube/config"
_IN_A_POD: Final = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every container."""
_MEND: Final = "name a kubeconfig with --kubeconfig, or a context of it with --context"


@asynccontextmanager
async def connected(kubeconfig: str | None, context: str | None) -> AsyncIterator[ApiClient]:
    """A client by kubeconfig, as kubectl finds it; in a pod without one, by its ServiceAccount.

    Raises:
        ClusterError: there is no usable configuration.
    """
    # 0 is no limit: each watch holds a connection, and a hundred of them would leave none for writes.
    configuration = Configuration(connection_pool_maxsize=0)
    await configure(configuration, kubeconfig, context)
    try:
        api = ApiClient(configuration)
    except OSError as error:  # a certificate that it names cannot be read
        raise ClusterError(f"no way to a cluster: {error}; mend the kubeconfig, or name another one") from None
    async with api:
        yield api


async def configure(configuration: Configuration, kubeconfig: str | None, context: str | None) -> None:
    """Fill a configuration.

    Args:
        configuration: it.
        kubeconfig: a file, or several as ``KUBECONFIG`` names them; by default what that names, else the usual one.
        context: one of it, if not the current one.

    Raises:
        ClusterError: there is no usable configuration; the text says where it was looked for.
    """
    paths = _paths(kubeconfig)
    there = [path for path in paths if path.exists()]
    named = ", ".join(map(str, paths))
    if not there and kubeconfig is None and context is None and _IN_A_POD in os.environ:
        _in_a_pod(configuration)
        return
    if not there:
        raise ClusterError(f"no way to a cluster: there is no kubeconfig at {named}; {_MEND}")
    try:
        await load_kube_config(  # type: ignore[no-untyped-call]  # the package types its models only
            os.pathsep.join(map(str, there)), context, configuration, persist_config=False
        )
    except (ConfigException, OSError) as error:
        raise ClusterError(f"no way to a cluster: {str(error).rstrip('.')}; {_MEND}") from None
    except Exception as error:  # noqa: BLE001 - what a file that is no kubeconfig makes the package raise is anything
        raise ClusterError(
            f"no way to a cluster: {named} cannot be read as a kubeconfig ({type(error).__name__}); {_MEND}"
        ) from None


def _paths(kubeconfig: str | None) -> list[Path]:
    named = kubeconfig or os.environ.get(_VARIABLE) or _USUAL
    return [Path(part).expanduser() for part in named.split(os.pathsep) if part]


def _in_a_pod(configuration: Configuration) -> None:
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]  # as above
    except ConfigException as error:
        raise ClusterError(f"no way to a cluster: {str(error).rstrip('.')}; {_MEND}") from None
