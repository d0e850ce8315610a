"""What is shown of Rancher's words: never the caller's own secret, in whatever form it comes back."""

import pytest

from app.core.gate.installation_call import Action
from app.gate.port import Credential, Place, Post
from app.gate.secrecy import redacted

TOKEN = "token-abcde:qwertzuiopasdfgh"
BASIC = "dG9rZW4tYWJjZGU6cXdlcnR6dWlvcGFzZGZnaA=="


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ((b"Authorization", b"Bearer " + TOKEN.encode()), f"no user for {TOKEN}"),
        ((b"authorization", b"Bearer " + TOKEN.encode()), "no user for qwertzuiopasdfgh"),
        ((b"authorization", b"Basic " + BASIC.encode()), "no user for qwertzuiopasdfgh"),
        ((b"authorization", b"Basic " + BASIC.encode()), f"no user for {BASIC}"),
        ((b"authorization", b"qwertzuiopasdfgh"), "no user for qwertzuiopasdfgh"),
        ((b"Cookie", b"a=b; R_SESS=qwertzuiopasdfgh; CSRF=x"), "no user for qwertzuiopasdfgh"),
        ((b"X-Api-Csrf", b"qwertzuiopasdfgh"), "no user for qwertzuiopasdfgh"),
    ],
)
def test_a_callers_secret_is_in_no_words(header: tuple[bytes, bytes], words: str) -> None:
    """Rancher, helm or a proxy may quote what they were sent."""
    shown = redacted(words, Credential((header,)))
    assert "qwertz" not in shown
    assert BASIC not in shown
    assert shown.startswith("no user for ")


def test_a_credential_does_not_print_itself() -> None:
    """It may stand in a traceback or a log by mistake."""
    assert "qwertz" not in repr(Credential(((b"authorization", b"Bearer qwertzuiopasdfgh"),)))


def test_a_post_prints_nothing_of_what_it_carries() -> None:
    """Its path may hold a CSRF token, its headers a credential, its body passwords."""
    target = b"/v1/catalog.cattle.io.clusterrepos/r?action=install&CSRF=qwertz"
    post = Post(Place("local", "r"), Action.INSTALL, target, ((b"cookie", b"R_SESS=qwertz"),), b"qwertz")
    assert "qwertz" not in repr(post)
