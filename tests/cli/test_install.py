"""`status-guard install` as a process, before a real gate and a stubborn Rancher: what it says, and its exit code."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.rancher import ADMIN, DNS, JANE, Act, Outage, Release, Step, Timing

RELEASE = Release("local", "cattle-ui-plugin-system", "harvester")
Begin = Callable[..., Awaitable[Any]]


async def test_it_waits_installs_and_says_so(begin: Begin) -> None:
    """Asked for while checkouts lag, it prints a line for each change, one for the result, and exits 0."""
    scene = await begin(timing=Timing(follower_lag=200.0))
    scene.rancher.add_repo()
    code, command = await scene.run()
    assert code == 0, command.err
    assert command.out.startswith(
        "Installed harvester 1.8.1 as release harvester in namespace cattle-ui-plugin-system."
    )
    assert "held: nothing is sent before it can succeed" in command.err
    assert "accepted by Rancher: helm is at work" in command.err
    assert "\x1b" not in command.err
    assert ADMIN.token not in command.out + command.err
    app = scene.rancher.local.store.get("apps", "harvester", "cattle-ui-plugin-system")
    assert app["spec"]["info"]["status"] == "deployed"
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_json_is_one_document_on_standard_output(begin: Begin) -> None:
    """For programs there is one JSON document, with what was asked, what came of it, and where to look."""
    scene = await begin()
    await scene.ready()
    code, command = await scene.run("--output", "json", "--until", "accepted")
    said = command.json
    assert (code, said["exitCode"], said["outcome"], said["sent"], said["status"]) == (0, 0, "accepted", True, 201)
    assert (said["chart"], said["version"], said["release"]) == ("harvester", "1.8.1", "harvester")
    assert said["operation"]["name"].startswith("helm-operation-")
    assert said["install"].startswith(f"{scene.process.url}/installs/")


async def test_values_release_and_upgrade_reach_rancher(begin: Begin) -> None:
    """Values from a YAML file, another release's name and --upgrade go into the one request that is sent."""
    scene = await begin()
    await scene.ready()
    (scene.folder / "values.yaml").write_text("replicas: 2\nsince: 2026-01-02\nadmin: {password: hunter2}\n")
    words = ("--values", str(scene.folder / "values.yaml"), "--release", "mine", "--upgrade", "--until", "accepted")
    code, command = await scene.run(*words)
    assert (code, "hunter2" in command.err + command.out) == (0, False), command.err
    assert scene.rancher.record.begun(Release("local", "cattle-ui-plugin-system", "mine")) == 1


async def test_a_time_that_is_over_is_3_with_what_it_waited_for(begin: Begin) -> None:
    """A repository that cannot be cloned ends it with 3, the check's sentence and the controller's own words."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    code, command = await scene.run("--wait", "2s")
    assert (code, command.out) == (3, "")
    assert "status-guard install: Nothing was sent" in command.err
    assert "repository-downloaded" in command.err
    assert "Could not resolve host" in command.err
    assert scene.rancher.record.begun(RELEASE) == 0


async def test_a_failure_of_helm_is_1_with_its_log(begin: Begin) -> None:
    """An install that helm fails exits 1 and shows the end of helm's log."""
    scene = await begin()
    await scene.ready()
    scene.rancher.faults.add(Step.HELM, Act.FAIL, error="Error: the chart wants more than there is")
    code, command = await scene.run()
    assert code == 1
    assert "The end of helm's log:" in command.err
    assert "Error: the chart wants more than there is" in command.err.partition("helm's log:")[2]


@pytest.mark.parametrize(("user", "words"), [(JANE, "forbidden"), (None, "does not accept the token")])
async def test_what_rancher_refuses_is_1(begin: Begin, user: Any, words: str) -> None:
    """A user without the right, and a token that Rancher does not know, exit 1 with a reason."""
    scene = await begin()
    await scene.ready()
    variables = {} if user else {"RANCHER_TOKEN": "token-nobody:xyzxyzxyz"}
    code, command = await scene.run("--wait", "5s", user=user, **variables)
    assert code == 1
    assert words in command.err
    assert "xyzxyzxyz" not in command.err


async def test_the_variable_holds_the_token_too(begin: Begin) -> None:
    """Without --token-file the token comes from RANCHER_TOKEN."""
    scene = await begin()
    await scene.ready()
    code, command = await scene.run("--until", "accepted", user=None, RANCHER_TOKEN=ADMIN.token)
    assert code == 0, command.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_an_interruption_while_it_is_held_cancels_it(begin: Begin, number: signal.Signals, code: int) -> None:
    """Ctrl-C before anything is sent cancels at the gate, says that nothing was sent, and exits as a shell expects."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    command = await scene.start("--output", "json")
    await command.printed("held")
    command.process.send_signal(number)
    assert await command.ended() == code
    assert (command.json["outcome"], command.json["sent"]) == ("interrupted", False)
    assert "Nothing was sent" in command.json["sentence"]
    ended = await asyncio.to_thread(scene.process.line, "install ended")
    assert ended["outcome"] == "cancelled"


async def test_an_interruption_once_it_is_sent_says_so(begin: Begin) -> None:
    """Ctrl-C while helm runs is too late: it says where to look, and the install goes on to its end."""
    scene = await begin(timing=Timing(follower_lag=0.5, helm=2000.0))
    await scene.ready()
    command = await scene.start("--output", "json")
    await command.printed("helm is at work")
    command.process.send_signal(signal.SIGINT)
    assert await command.ended() == 130
    said = command.json
    assert (said["outcome"], said["sent"], said["operation"] is not None) == ("interrupted", True, True)
    assert said["sentence"].endswith(said["install"])
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_a_second_interruption_leaves_at_once(begin: Begin) -> None:
    """Where the gate does not answer a cancellation, a second Ctrl-C ends the command, which says what is not known."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    command = await scene.start()
    await command.printed("held")
    scene.process.signal(signal.SIGSTOP)
    try:
        command.process.send_signal(signal.SIGINT)
        await command.printed("Cancelling")
        command.process.send_signal(signal.SIGINT)
        assert await command.ended() == 130
    finally:
        scene.process.signal(signal.SIGCONT)
    assert "Left without the gate's word" in command.err


async def test_a_broken_line_is_taken_up_again(begin: Begin) -> None:
    """A connection that breaks while it is held costs nothing: the same install is watched to its end."""
    scene = await begin(timing=Timing(follower_lag=600.0))
    scene.rancher.add_repo()
    line = await scene.line()
    command = await scene.start(server=f"https://127.0.0.1:{line.relay.port}")
    await command.printed("held")
    line.cut()
    assert await command.ended() == 0, command.err
    assert "The connection broke" in command.err
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_a_gate_that_restarts_is_asked_again_where_nothing_was_sent(begin: Begin) -> None:
    """A gate that stops while it holds says that nothing was sent; its successor is asked anew, and installs once."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    line = await scene.line()
    command = await scene.start("--nudge", server=f"https://127.0.0.1:{line.relay.port}")
    await command.printed("held")
    first = scene.process
    first.signal(signal.SIGTERM)
    assert await asyncio.to_thread(first.ended) == 0
    scene.rancher.upstream()
    await scene.start_gate()
    line.lead_to(scene.process.port)
    assert await command.ended() == 0, command.err
    assert "Asking again" in command.err
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_a_gate_that_forgot_is_4(begin: Begin) -> None:
    """Where a gate was killed after it sent, and its successor knows nothing, nobody can say what became of it."""
    scene = await begin(timing=Timing(follower_lag=0.5, helm=2000.0))
    await scene.ready()
    line = await scene.line()
    command = await scene.start("--output", "json", server=f"https://127.0.0.1:{line.relay.port}")
    await command.printed("helm is at work")
    scene.process.signal(signal.SIGKILL)
    await scene.start_gate()
    line.lead_to(scene.process.port)
    assert await command.ended() == 4
    assert (command.json["outcome"], command.json["sent"]) == ("outcome-unknown", None)


async def test_a_journal_says_what_a_killed_gate_was_at(begin: Begin) -> None:
    """With a journal, the successor of a gate that was killed while it held knows that nothing was sent."""
    journal = "journal.jsonl"
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    await scene.start_gate(journal=scene.folder / journal)
    line = await scene.line()
    command = await scene.start("--nudge", server=f"https://127.0.0.1:{line.relay.port}")
    await command.printed("held")
    scene.process.signal(signal.SIGKILL)
    await asyncio.to_thread(scene.process.ended)
    scene.rancher.upstream()
    await scene.start_gate(journal=scene.folder / journal)
    line.lead_to(scene.process.port)
    assert await command.ended() == 0, command.err
    assert scene.rancher.record.begun(RELEASE) == 1


async def test_rancher_itself_is_no_gate(begin: Begin) -> None:
    """Pointed at Rancher, it installs nothing and says what is wrong with --server."""
    scene = await begin()
    await scene.ready()
    code, command = await scene.run(server=scene.rancher.url, ca=scene.rancher.ca_file)
    assert code == 2
    assert "not a gate" in command.err or "not as a gate does" in command.err
    assert not scene.rancher.record.of("request", sort="install")


async def test_a_ca_that_is_not_trusted_is_named_as_what_is_missing(begin: Begin) -> None:
    """A certificate of another CA ends it with 2 and the option that helps, before the token is sent."""
    scene = await begin()
    code, command = await scene.run(ca=scene.rancher.ca_file)
    assert (code, "--ca FILE" in command.err) == (2, True)


async def test_in_place_at_a_terminal(begin: Begin) -> None:
    """Where standard error is a terminal, what is known is kept up to date in place: checks, time, and Ctrl-C's use."""
    scene = await begin()
    scene.rancher.upstream(index_outage=Outage(DNS))
    scene.rancher.add_repo()
    code, command = await scene.run("--wait", "3s", FORCE_COLOR="1", TERM="xterm-256color", COLUMNS="100")
    assert code == 3
    assert "\x1b[" in command.err
    for words in ("Ctrl-C cancels while nothing is sent", "Could not resolve host", " left)", "/installs/"):
        assert words in command.err
