"""Who goes first, and that nobody's place is lost with somebody who gives up."""

import asyncio

from virtual_time import in_virtual_time

from app.gate.turns import Queue, Turns


@in_virtual_time
async def test_a_queue_lets_in_so_many_in_order() -> None:
    """Two at once, and then whoever came first."""
    queue, inside = Queue(2), []

    async def come(name: str) -> None:
        ticket = await queue.take("key")
        inside.append(name)
        await asyncio.sleep(1)
        ticket.release()
        ticket.release()

    tasks = [asyncio.create_task(come(name)) for name in "abcde"]
    await asyncio.sleep(0.5)
    assert inside == ["a", "b"]
    assert not queue.has_room("key")
    assert queue.has_room("other")
    await asyncio.gather(*tasks)
    assert inside == list("abcde")
    assert queue.has_room("key")


@in_virtual_time
async def test_a_place_goes_on_when_its_taker_gives_up() -> None:
    """Whoever is cancelled while waiting, or just as they are let in, leaves the place to the next one."""
    queue = Queue(1)
    first = await queue.take()
    waiting = [asyncio.create_task(queue.take()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    first.release()  # goes to the second one, who is cancelled before they know of it
    waiting[1].cancel()
    ticket = await asyncio.wait_for(waiting[2], 1)
    ticket.release()
    assert queue.has_room()
    await asyncio.gather(*waiting, return_exceptions=True)


@in_virtual_time
async def test_turns_are_taken_together_or_not_at_all() -> None:
    """Whoever needs two releases holds neither while the other is taken."""
    turns = Turns()
    assert turns.take(["a"])
    assert not turns.take(["a", "b"])
    assert turns.take(["b"])
    assert turns.take([])
    turns.release(["b"])
    assert turns.take(["b"])


@in_virtual_time
async def test_one_after_the_other_hears_that_a_turn_is_free() -> None:
    """The one who has waited longest is told, and if they have gone, the next one."""
    turns, told = Turns(), []
    turns.take(["a"])

    async def wait(name: str) -> None:
        await turns.freed(["a"])
        told.append(name)

    tasks = []
    for name in "xyz":
        tasks.append(asyncio.create_task(wait(name)))
        await asyncio.sleep(0)
    turns.release(["a"])
    tasks[0].cancel()  # told, and gone before they know
    await asyncio.sleep(1)
    assert told == ["y"]
    turns.take(["a"])
    turns.release(["a"])
    await asyncio.sleep(1)
    assert told == ["y", "z"]
    await asyncio.wait_for(turns.freed(["a"]), 1)
    await asyncio.gather(*tasks, return_exceptions=True)
