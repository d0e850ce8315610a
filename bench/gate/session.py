"""What client models talk with: HTTP on kept connections, in the stand-in's time."""

import json
from typing import Any, NamedTuple, Self

import httpx

from tests.rancher import ADMIN, Clock, Rancher

TYPE = "/v1/catalog.cattle.io.clusterrepos"


class Answer(NamedTuple):
    """An answer; the content is empty where it is no JSON object."""

    status: int
    content: dict[str, Any]
    headers: httpx.Headers

    @property
    def ok(self) -> bool:
        """Whether the server said yes."""
        return self.status < 400


class FailedError(Exception):
    """A client gives up; the text says where."""


class Session:
    """A user's connections.

    Args:
        url: where calls of repositories go, as a route in front of both would send them: to the gate, if there is one.
        direct: where all others go: to Rancher.
        rancher: whose CA is trusted and whose time it is.
    """

    def __init__(self, url: str, direct: str, rancher: Rancher) -> None:
        self.clock: Clock = rancher.clock
        self.url, self._direct = url, direct
        self.trust = rancher.client_context()
        headers = {**ADMIN.bearer, "accept": "application/json"}
        self._client = httpx.AsyncClient(verify=self.trust, headers=headers, timeout=None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def ask(self, method: str, path: str, content: object = None, **headers: str) -> Answer:
        """Send a request and read its answer.

        Raises:
            FailedError: there is none.
        """
        url = self.url if path.startswith((TYPE, "/installs")) else self._direct
        try:
            got = await self._client.request(method, url + path, json=content, headers=headers)
        except httpx.HTTPError as error:
            raise FailedError(f"no answer to {method} {path.partition('?')[0]}: {type(error).__name__}") from None
        try:
            found = json.loads(got.content)
        except ValueError:
            found = {}
        return Answer(got.status_code, found if isinstance(found, dict) else {}, got.headers)

    async def get(self, path: str, **headers: str) -> Answer:
        """Read something."""
        return await self.ask("GET", path, **headers)

    async def repo(self, name: str) -> dict[str, Any] | None:
        """A repository, read live; None if it is not there."""
        got = await self.get(f"{TYPE}/{name}")
        return got.content if got.ok else None

    async def create(self, name: str, spec: dict[str, Any]) -> None:
        """Make a repository."""
        made = {"type": "catalog.cattle.io.clusterrepo", "metadata": {"name": name}, "spec": spec}
        got = await self.ask("POST", TYPE, made)
        if not got.ok and got.status != 409:
            raise FailedError(f"creating the repository: {got.status}")


def condition(repo: dict[str, Any]) -> str:
    """What a repository says of its download; empty where it says nothing."""
    for one in repo.get("status", {}).get("conditions", []):
        if one["type"] in {"Downloaded", "OCIDownloaded"}:
            return str(one["status"])
    return ""
