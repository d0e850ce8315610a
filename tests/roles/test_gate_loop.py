"""A gate whose Rancher is itself: every way in is answered with 508, which says what to point it at instead."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from gate_wire import BODY, INSTALL, Wire, request
from server_process import Pki, Process

ANN = "Bearer token-ann:MARKER-ann-secret"
REPOSITORY = "/v1/catalog.cattle.io.clusterrepos/harvester"


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", INSTALL), ("GET", REPOSITORY), ("GET", "/installs"), ("PUT", REPOSITORY)],
)
async def test_a_gate_before_itself_says_so(
    starter: Callable[..., Process], pki: Pki, tmp_path: Path, method: str, path: str
) -> None:
    """By the hop that it names in Via it knows its own requests, whichever they are: 508, at once, and no storm."""
    authority = tmp_path / "ca.crt"
    authority.write_bytes(pki.authority.certificate)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"https://127.0.0.1:{port}"
    process = await asyncio.to_thread(starter, roles="gate", port=port, rancher_url=url, rancher_ca=authority)
    wire = await Wire.open(process.port, process.context)
    try:
        body = None if method == "GET" else BODY
        async with asyncio.timeout(20):
            await wire.send(request(path, body, method=method, authorization=ANN))
            answer = await wire.answer(method)
    finally:
        wire.close()
    assert "Point --rancher-url at Rancher's own Service" in answer.assert_problem(508, "loop")["detail"]
    assert process.metric("status_guard_gate_upstream_seconds_count") <= 1
