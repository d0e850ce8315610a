"""The control listener of a stand-in that runs as a process: what tests call in Python, as HTTP with JSON."""

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from .listener import Listener
from .upstreams import TROUBLES, Chart, Outage, Trouble

if TYPE_CHECKING:
    from .standin import Rancher

Answered = Callable[[dict[str, Any]], Awaitable[Any]]


class Control:
    """The listener.

    Every call takes and gives JSON: ``GET /state``, ``GET /counts``, ``GET /record`` (``?what=``), ``DELETE /record``,
    ``GET|POST|DELETE /faults`` (a fault is ``{"at", "do", "on", ...}``), ``POST /upstreams`` (``{"url", "kind",
    "charts": [{"name", "version"}], "index_outage": {"trouble": "dns" or 503, "times": 1}}``), ``POST /repos``
    (``{"name", "cluster", "spec"}``), ``POST /restart`` (``{"replica": 0}``), ``POST /depose``, ``POST /rival``
    (``{"namespace", "release"}``), ``POST /refuse`` and ``POST /accept`` (the balancer's address).
    """

    def __init__(self, rancher: "Rancher", port: int = 0) -> None:
        self.rancher = rancher
        self._listener = Listener(self._serve, port)
        self._calls: dict[tuple[str, str], Answered] = {
            ("GET", "state"): self._state,
            ("GET", "counts"): self._counts,
            ("GET", "record"): self._record,
            ("DELETE", "record"): self._forget,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): self._clear_faults,
            ("POST", "upstreams"): self._upstream,
            ("POST", "repos"): self._repo,
            ("POST", "restart"): self._restart,
            ("POST", "depose"): self._depose,
            ("POST", "rival"): self._rival,
            ("POST", "refuse"): self._refuse,
            ("POST", "accept"): self._accept,
        }

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.port}"

    async def start(self) -> None:
        """Listen."""
        await self._listener.start(None)

    async def stop(self) -> None:
        """End."""
        await self._listener.abort()

    async def _serve(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body, more = body + message["body"], message["more_body"]
        call = self._calls.get((scope["method"], scope["path"].strip("/")))
        given = dict(pair.split("=", 1) for pair in scope["query_string"].decode().split("&") if "=" in pair)
        status, shown = 404, {"error": f"no such call; there are {sorted(' /'.join(key) for key in self._calls)}"}
        if call:
            try:
                status, shown = 200, await call(given | (json.loads(body) if body else {}))
            except (KeyError, TypeError, ValueError) as error:
                status, shown = 400, {"error": f"{type(error).__name__}: {error}"}
        content = json.dumps(shown, default=str).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": False})

    async def _state(self, _: dict[str, Any]) -> Any:
        rancher = self.rancher
        replicas = [
            {"name": one.name, "port": one.port, "alive": one.member.alive, "checkouts": len(one.member.checkouts)}
            for one in rancher.replicas
        ]
        leaders = {name: one.leader and one.leader.name for name, one in rancher.clusters.items()}
        return {"url": rancher.url, "replicas": replicas, "leaders": leaders, "now": rancher.clock.now().isoformat()}

    async def _counts(self, _: dict[str, Any]) -> Any:
        record = self.rancher.record
        return [
            {"cluster": one.cluster, "namespace": one.namespace, "release": one.name, "begun": number}
            | {"pods": record.pods(one)}
            for one, number in record.counts().items()
        ]

    async def _record(self, given: dict[str, Any]) -> Any:
        events = self.rancher.record.events
        return [
            {"number": one.number, "at": one.at, "what": one.what} | one.details
            for one in events
            if given.get("what") in (None, one.what)
        ]

    async def _forget(self, _: dict[str, Any]) -> Any:
        self.rancher.record.clear()
        return {}

    async def _faults(self, _: dict[str, Any]) -> Any:
        return [vars(fault) for fault in self.rancher.faults.plan]

    async def _add_fault(self, given: dict[str, Any]) -> Any:
        return vars(self.rancher.faults.add(given.pop("at"), given.pop("do"), **given))

    async def _clear_faults(self, _: dict[str, Any]) -> Any:
        self.rancher.faults.clear()
        return {}

    async def _upstream(self, given: dict[str, Any]) -> Any:
        charts = [Chart(**one) for one in given.pop("charts", [])]
        for name in ("index_outage", "chart_outage"):
            if name in given:
                given[name] = _outage(given[name])
        made = self.rancher.upstream(given.pop("url"), *charts, kind=given.pop("kind", "git"), **given)
        return {"url": made.url, "commit": made.commit}

    async def _repo(self, given: dict[str, Any]) -> Any:
        return self.rancher.add_repo(
            given.get("name", "harvester"), cluster=given.get("cluster", "local"), **given.get("spec", {})
        )

    async def _restart(self, given: dict[str, Any]) -> Any:
        replica = self.rancher.replicas[int(given.get("replica", 0))]
        self.rancher.world.background.start(replica.restart(given.get("seconds")), passing=True)
        return {"name": replica.name}

    async def _depose(self, given: dict[str, Any]) -> Any:
        self.rancher.clusters[given.get("cluster", "local")].depose()
        return {}

    async def _rival(self, given: dict[str, Any]) -> Any:
        cluster = given.get("cluster", "local")
        return {"operation": self.rancher.rival_installs(given["namespace"], given["release"], cluster=cluster)}

    async def _refuse(self, _: dict[str, Any]) -> Any:
        await self.rancher.balancer.refuse()
        return {}

    async def _accept(self, _: dict[str, Any]) -> Any:
        await self.rancher.balancer.start()
        return {}


def _outage(given: dict[str, Any]) -> Outage:
    trouble = given["trouble"]
    return Outage(Trouble(status=trouble) if isinstance(trouble, int) else TROUBLES[trouble], given.get("times"))
