"""From Rancher's answer to the release: deployed, failed, or not known by the deadline."""

import asyncio

from virtual_gate import NAMESPACE, Scene
from virtual_time import in_virtual_time, seconds

from app.core.gate.reading import Unread
from app.core.gate.redaction import MARK
from app.gate.job import MOST_VALUES
from app.gate.progress import Answered, Deployed, InstallFailed, Phase


@in_virtual_time
async def test_the_end_of_helm_is_waited_for() -> None:
    """The App is deployed at the version, and the progress has said what it waited for."""
    scene = Scene()
    scene.releases.helm = 10
    await scene.lead(5)
    install = await scene.submit(prefer="until=deployed")
    seen = []
    while install.progress.phase is not Phase.ENDED:
        seen.append((install.progress.phase, install.progress.waits_for))
        await install.changed(install.progress.version)
    outcome = install.progress.outcome
    assert isinstance(outcome, Deployed)
    assert "demo 1.0.0" in outcome.sentence
    assert outcome.operation == install.progress.operation == (NAMESPACE, "helm-operation-0")
    assert (Phase.FOLLOWING, "Waiting for the Operation to end.") in seen


@in_virtual_time
async def test_a_failure_comes_with_helms_log() -> None:
    """The log is read with the caller's credential; its secrets are not shown."""
    scene = Scene()
    scene.releases.fails = True
    scene.rancher.log = "line\n" * 5000 + "Error: INSTALLATION FAILED: password=hunter2secret of release demo"
    await scene.lead(5)
    outcome = (await (await scene.submit(prefer="until=deployed")).ended()).outcome
    assert isinstance(outcome, InstallFailed)
    assert "INSTALLATION FAILED" in outcome.log
    assert "hunter2" not in repr(outcome)
    assert len(outcome.log) < 10_000


@in_virtual_time
async def test_what_the_values_hold_is_in_no_words() -> None:
    """Helm may print a value without a name beside it: the caller's own values are known, and go."""
    scene = Scene()
    scene.releases.fails = True
    scene.rancher.log = "Error: INSTALLATION FAILED: YAML parse error near\n  correct horse battery\nof release demo"
    await scene.lead(5)
    values = {"db": {"words": "correct horse battery", "chart": "demo"}}
    outcome = (await (await scene.submit(prefer="until=deployed", values=values)).ended()).outcome
    assert isinstance(outcome, InstallFailed)
    assert "horse" not in repr(outcome)
    assert "INSTALLATION FAILED" in outcome.log
    assert "of release demo" in outcome.log


@in_virtual_time
async def test_of_values_without_number_no_words_are_shown() -> None:
    """Where there are too many to look for each, helm's words are not shown, and the outcome still is."""
    scene = Scene()
    scene.releases.fails = True
    await scene.lead(5)
    values = {str(number): f"value-{number}" for number in range(MOST_VALUES)}
    outcome = (await (await scene.submit(prefer="until=deployed", values=values)).ended()).outcome
    assert isinstance(outcome, InstallFailed)
    assert outcome.log == MARK


@in_virtual_time
async def test_at_the_deadline_rancher_s_answer_is_what_is_known() -> None:
    """It was accepted, and is still running: that is true, and neither a failure nor a success."""
    scene = Scene()
    scene.releases.helm = 500
    await scene.lead(5)
    install = await scene.submit(prefer="until=deployed, wait=20")
    outcome = (await install.ended()).outcome
    assert isinstance(outcome, Answered)
    assert outcome.status == 201
    assert "Not followed to its end" in outcome.sentence
    assert install.reply is not None
    assert 24 < seconds() < 27


@in_virtual_time
async def test_a_release_without_a_name_is_followed_as_far_as_it_can_be() -> None:
    """The Operation is known, the App's name is not: what is told is that it was accepted."""
    scene = Scene()
    await scene.lead(5)
    outcome = (await (await scene.submit(prefer="until=deployed", releaseName="")).ended()).outcome
    assert isinstance(outcome, Answered)
    assert outcome.operation == (NAMESPACE, "helm-operation-0")


@in_virtual_time
async def test_reads_that_fail_change_nothing() -> None:
    """What was seen counts, what could not be read just now does not."""
    scene = Scene()
    scene.releases.helm = 8
    await scene.lead(5)
    install = await scene.submit(prefer="until=deployed, wait=120")
    while install.progress.phase is not Phase.FOLLOWING:
        await install.changed(install.progress.version)
    scene.rancher.faults.until, scene.rancher.faults.read = seconds() + 30, 0.7
    outcome = (await install.ended()).outcome
    assert isinstance(outcome, Deployed), outcome


@in_virtual_time
async def test_stopping_ends_following_with_what_is_known() -> None:
    """It has been accepted; whoever waits for its end hears that nobody looked."""
    scene = Scene()
    scene.releases.helm = 500
    await scene.lead(5)
    install = await scene.submit(prefer="until=deployed, wait=1000")
    while install.progress.phase is not Phase.FOLLOWING:
        await install.changed(install.progress.version)
    await asyncio.wait_for(scene.gate.drain(), 5)
    assert isinstance(install.progress.outcome, Answered)


@in_virtual_time
async def test_a_log_that_cannot_be_read_does_not_hide_the_failure() -> None:
    """The pod may be gone by then."""
    scene = Scene()
    scene.releases.fails = True
    scene.rancher.log = Unread.FAILED
    await scene.lead(5)
    outcome = (await (await scene.submit(prefer="until=deployed")).ended()).outcome
    assert isinstance(outcome, InstallFailed)
    assert outcome.log == ""
