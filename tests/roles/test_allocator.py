"""What the C library's allocator is told."""

import ctypes
import subprocess
import sys

import pytest

from app.roles.allocator import give_back

PROGRAM = """
import sys
from app.roles.allocator import give_back

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

large = bytearray(8 << 20)
del large  # what glibc would go by from now on
if sys.argv[1] == "told":
    assert give_back()
before = resident()
buffers, small = [], []
for _ in range(64):
    buffers.append(bytes(256) * 1024)
    small.append([bytes(600) for _ in range(8)])
buffers.clear()
print(resident() - before)
"""


def left(word: str) -> int:
    """Bytes that stay resident when 16 MiB in buffers are free again, with small things made between them that stay."""
    words = [sys.executable, "-c", PROGRAM, word]
    return int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="this is glibc's")
def test_what_is_free_goes_back_to_the_system() -> None:
    """Buffers leave no holes of their size, though there once was a larger block; without a word they do."""
    assert left("told") < 2 << 20 < 8 << 20 < left("not")


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no such switch nothing happens."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not give_back()
