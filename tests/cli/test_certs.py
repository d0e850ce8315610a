"""``status-guard certs dev``, run as a process."""

import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.certificates import development_pair
from app.tls import ServingCertificate

_FILES = ["ca.crt", "tls.crt", "tls.key"]


def _dev(out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    program = "from app.cli.certs import certs_app; certs_app(prog_name='status-guard certs')"
    command = [sys.executable, "-c", program, "dev", "--out", str(out), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)


def _content(out: Path) -> list[bytes]:
    return [(out / name).read_bytes() for name in _FILES]


def test_a_first_run_makes_a_pair_that_can_be_served(tmp_path: Path) -> None:
    """The directory and the key are the owner's alone, the rest may be read, and nothing else is left behind."""
    out = tmp_path / "deep" / "dev"
    run = _dev(out)
    assert (run.returncode, run.stderr) == (0, "")
    assert str(out / "tls.crt") in run.stdout
    assert sorted(path.name for path in out.iterdir()) == _FILES
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (out, *(out / name for name in _FILES))]
    assert modes == [0o700, 0o644, 0o644, 0o600]
    ServingCertificate(out / "tls.crt", out / "tls.key")


def test_a_second_run_keeps_a_good_pair_and_says_so(tmp_path: Path) -> None:
    """`make run` calls it every time, and a browser told to trust the CA must not be told again each time."""
    _dev(tmp_path, "--host", "webhook.example", "--host", "10.0.0.7")
    before = _content(tmp_path)
    for names in ([], ["--host", "10.0.0.7"], ["--host", "webhook.example"]):
        run = _dev(tmp_path, *names)
        assert (run.returncode, run.stdout.split()[0]) == (0, "Kept")
    assert _content(tmp_path) == before


def test_a_pair_that_will_not_do_is_replaced_with_its_reason(tmp_path: Path) -> None:
    """Old, lacking a name, incomplete or mixed up: each is replaced whole, and the reason is printed."""
    old = development_pair([], datetime.fromtimestamp(time.time(), UTC) - timedelta(days=300))
    for name, content in zip(_FILES, old, strict=True):
        (tmp_path / name).write_bytes(content)
    assert "life are over" in _dev(tmp_path).stdout
    assert "does not cover webhook.example" in _dev(tmp_path, "--host", "webhook.example").stdout
    (tmp_path / "ca.crt").unlink()
    assert "a file was missing" in _dev(tmp_path).stdout
    (tmp_path / "tls.key").write_bytes(old.key)
    assert "does not belong" in _dev(tmp_path).stdout
    assert _dev(tmp_path).stdout.startswith("Kept")


def test_a_bad_name_is_bad_input_and_makes_nothing(tmp_path: Path) -> None:
    """Exit code 2 and one line that says how to write it."""
    run = _dev(tmp_path / "dev", "--host", "https://webhook.example")
    assert (run.returncode, run.stdout) == (2, "")
    assert "without scheme, port or trailing dot" in run.stderr
    assert not (tmp_path / "dev").exists()


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The path and the system's reason, not a traceback."""
    (tmp_path / "dev").write_text("a file is in the way")
    run = _dev(tmp_path / "dev")
    assert run.returncode == 2
    assert run.stderr.startswith("No certificates made:")
    assert str(tmp_path / "dev") in run.stderr


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    """Each file is replaced whole or not at all; where one cannot be, the temporary one is taken away again."""
    (tmp_path / "tls.key").mkdir()
    (tmp_path / "tls.key" / "in the way").touch()
    run = _dev(tmp_path)
    assert run.returncode == 2
    assert [path.name for path in tmp_path.iterdir()] == ["tls.key"]


def test_help_has_an_example(tmp_path: Path) -> None:
    """Who asks for help can copy a line that works."""
    assert "--host host.docker.internal" in _dev(tmp_path, "--help").stdout


@pytest.mark.parametrize("module", ["cryptography", "app.certificates"])
def test_importing_the_command_is_cheap(module: str) -> None:
    """Every command imports this one, so the library it needs waits until it runs."""
    program = f"import sys, app.cli.certs; sys.exit({module!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=50)
