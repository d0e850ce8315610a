"""The queue of objects that there is something to do about."""

import asyncio

from virtual_time import in_virtual_time

from app.keeper.work import Work


@in_virtual_time
async def test_an_object_waits_once_and_in_its_turn() -> None:
    """However often it comes up it is taken once, and the longest waiting first."""
    work: Work[str] = Work()
    for key in "abaab":
        work.add(key)
    assert [await work.take(), await work.take()] == ["a", "b"]
    assert len(work) == 2


@in_virtual_time
async def test_what_comes_up_meanwhile_is_taken_afterwards() -> None:
    """An object that is being seen to is not given to anybody else, and comes again when that is done."""
    work: Work[str] = Work()
    work.add("a")
    assert await work.take() == "a"
    work.add("a")
    second = asyncio.create_task(work.take())
    await asyncio.sleep(1)
    assert not second.done()
    work.done("a")
    assert await second == "a"


@in_virtual_time
async def test_everybody_who_waits_gets_something() -> None:
    """Objects that come up go to those who wait, one each."""
    work: Work[int] = Work()
    takers = [asyncio.create_task(work.take()) for _ in range(3)]
    await asyncio.sleep(1)
    takers[0].cancel()
    for key in range(2):
        work.add(key)
    await asyncio.sleep(1)
    assert [taker.result() for taker in takers[1:]] == [0, 1]


@in_virtual_time
async def test_idle_is_when_all_is_done() -> None:
    """Neither what waits nor what is under way is forgotten."""
    work: Work[str] = Work()
    await work.idle()
    work.add("a")
    idle = asyncio.create_task(work.idle())
    key = await work.take()
    await asyncio.sleep(1)
    assert not idle.done()
    work.done(key)
    await idle
