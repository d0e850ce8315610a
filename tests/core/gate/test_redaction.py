"""That credentials in other people's words do not get any further."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.core.gate.redaction import LONGEST, LONGEST_READ, MARK, redact

S = "correct-horse9"
"""The secret that must not be seen in any of the answers."""
RANCHER = "bcdfghjklmnpqrstvwxz2456789bcdfghjklmnpqrstvwxz2456789"
"""Shaped as Rancher's own: 54 characters of its alphabet."""
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJl"
BASIC = base64.b64encode(f"token-abcde:{S}".encode()).decode()
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{S}\n{S}\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        f'Get "https://user:{S}@charts.example.com/index.yaml": dial tcp: lookup charts.example.com: no such host',
        f"https://{S}@charts.example.com/index.yaml",
        f"https://user:a@{S}@charts.example.com",
        f"https://user:a/{S}@charts.example.com",
        f'parse "https://user:a/{S}@charts.example.com": invalid port ":a" after host',
        f"https://user:a#{S}@charts.example.com",
        f"oci://user:{S}@registry.example.com/charts",
        f"ssh://git:{S}@git.example.com/repo.git",
        f"https:\\/\\/user:{S}@charts.example.com",
        f"redirect=https%3A%2F%2Fuser%3A{S}%40charts.example.com%2Findex",
        f"https%3a%2f%2f{S}%40charts.example.com",
        f"user:{S}@charts.example.com",
        f"clone of git+https://oauth2:{S}@git.example.com failed",
        f"Authorization: Bearer {S}",
        f"authorization: {S}",
        f"map[Authorization:[Bearer {S}] Accept:[*/*]]",
        f'{{"Authorization": "Basic {S}"}}',
        f"Proxy-Authorization: Basic {S}",
        f"Cookie: CSRF=a; R_SESS=token-abcde:{S}",
        f"Set-Cookie: R_SESS={S}; Path=/; HttpOnly",
        f"R_SESS=token-abcde:{S}",
        f"-H 'Authorization: Bearer {S}' failed",
        f"bearer {S} was refused",
        f"Basic {BASIC}",
        f"token-abcde:{S}",
        f"token abcde is token-abcde:{S}",
        f"ext/token-abcde:{S}",
        f"kubeconfig-u-abcde.c-m-abcde:{S}",
        f"kubeconfig-user-abcde12345:{S}",
        f"password={S}",
        f"password = {S}",
        f"password: {S}",
        f"Password:{S}",
        f"--set adminPassword={S}",
        f"--set global.db.password={S},x=y",
        f'"adminPassword":"{S}"',
        f'"password": "with \\"quotes\\" {S}"',
        f'"{{\\"password\\":\\"{S}\\"}}"',
        f"password: 'two words {S}'",
        f'password="cut off {S}',
        f"password => {S}",
        f"passwd={S} passphrase={S} pwd={S}",
        f"db_password={S}",
        f"DB_PASSWORD={S}",
        f"client_secret={S}&grant_type=x",
        f"clientSecret: {S}",
        f"api_key={S} apiKey={S} api-key: {S}",
        f"aws_access_key_id={S}",
        f"AWS_SECRET_ACCESS_KEY={S}",
        f"https://s3.example/blob?X-Amz-Algorithm=A&X-Amz-Credential={S}&X-Amz-Signature={S}",
        f"https://blob.example/x?se=2026&sig={S}",
        f"https://h/v2/token?access_token={S}&service=x",
        f"https://h/?token={S}",
        f"https://h/?token%3D{S}",
        f'{{"token":"{S}"}}',
        f'{{"auth":"{S}"}}',
        f"token={S}",
        f"token:{S}",
        f"users:\n- name: a\n  user:\n    token: {S}\n",
        f"    client-key-data: {S}\n    client-certificate-data: {S}",
        f"    certificate-authority-data: {S}",
        f'{{".dockerconfigjson":"{S}"}}',
        PEM,
        PEM.replace("\n", "\\n"),
        f"-----BEGIN PRIVATE KEY-----\n{S}",
        json.dumps({"values": {"tls": {"key": PEM}}}),
        f"X-Api-Csrf: {S}",
        f"helm install --username u --password {S} a",
        f"curl -u user:{S} https://h",
        f"curl --user 'user:{S}' https://h",
        f"rancher login --bearer-token {S}",
        f"&{{Username:u Password:{S} Token:{S}}}",
        f"map[password:{S} user:x]",
        f"{{user: x, token: {S}}}",
        f"registryToken: {S}",
        f"adminPasswd: {S}",
        f"keyPassphrase: {S}",
        f"pass: {S}",
        f"client-secret: {S}",
        f"a secret_key: {S}",
        f"the signature = {S}",
        f"adminPassword2: {S}",
        f"HELM_REPO_PASSWORD='{S}'",
        f"password={MARK}{S}",
        f"Authorization: {MARK} {S}",
    ],
)
def test_secrets_go(text: str) -> None:
    """Whatever form a credential comes in, alone or within a sentence, nothing of it stays."""
    for whole in (text, f"failed to pull: {text}", f"a: {text}\nb", json.dumps({"message": text})):
        if S in text:
            assert S not in redact(whole), redact(whole)
        assert BASIC not in redact(whole)


@pytest.mark.parametrize(
    "secret",
    [
        JWT,
        JWT.rpartition(".")[0],
        RANCHER,
        base64.b64encode(PEM.encode()).decode(),
        "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
        "github_pat_11ABCDEFG0abcdefghijkl",
        "glpat-abcdefghijklmnopqrst",
        "dckr_pat_abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "hvs.CAESIabcdefgh",
        BASIC,
    ],
)
def test_tokens_that_show_what_they_are_go(secret: str) -> None:
    """A token of a known shape goes wherever it stands; base64 goes where a scheme stands before it."""
    before = "Basic " if secret == BASIC else "found "
    for text in (f"{before}{secret} there", f"{before}{secret}", f"x={before}{secret}\n", f'"{before}{secret}"'):
        assert secret not in redact(text), redact(text)
        assert secret[-12:] not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        'configmaps "" not found',
        "failed to find chartName harvester version 1.8.1: NotFound 404",
        "no chart version found for harvester-1.8.1",
        'Get "https://charts.example.com:8443/index.yaml": dial tcp 10.0.0.1:8443: connect: connection refused',
        'Get "https://charts.example.com/x": x509: certificate signed by unknown authority',
        'clusterrepos.catalog.cattle.io "x" not found',
        'secrets "registry-auth" is forbidden: User "u-abcde" cannot get resource "secrets" in API group ""',
        "failed to get secret: not found",
        "error getting token: unexpected status 500",
        "failed to wait for roles to be populated",
        "cannot re-use a name that is still in use",
        "pull registry.example.com/a/b:1.2.3@sha256:" + "0123456789abcdef" * 4,
        "sha256:" + "0123456789abcdef" * 4,
        "git@github.com:harvester/harvester-ui-extension.git",
        "https://github.com/a/b@v1",
        "mail to a@b.example",
        "https://h.example/path?user=a@b.example",
        "basic authentication required",
        "Basic Authentication is off",
        "bearer authentication expected",
        'WWW-Authenticate: Basic realm="registry"',
        "time: invalid duration",
        "2026-01-31T12:00:00Z helm-operation-abcde: exit code: 123",
        "the key is missing: session closed",
        "c-m-abc12:p-xyz34",
        "Zertifikat ungültig, 证书无效",
        "line one\nline two\tend",
        "",
    ],
)
def test_words_stay(text: str) -> None:
    """What tells people what happened (hosts, ports, names, versions, digests, causes) is left as it was."""
    assert redact(text) == text


def test_every_message_of_the_catalogue_stays() -> None:
    """No message by which Rancher's failures are known is changed."""
    catalogue = json.loads((Path(__file__).parents[2] / "data" / "rancher" / "errors-catalogue.json").read_text())
    messages = [message for message in _strings(catalogue) if "://" not in message]
    assert len(messages) > 17
    assert [redact(message) for message in messages] == messages


def _strings(tree: object) -> list[str]:
    if isinstance(tree, dict):
        return [text for member in tree.values() for text in _strings(member)]
    if isinstance(tree, list):
        return [text for item in tree for text in _strings(item)]
    return [tree] if isinstance(tree, str) else []


def test_what_stays_around_a_secret() -> None:
    """Only the secret goes: the host that refused it, and the cause, remain."""
    text = f'Get "https://user:{S}@charts.example.com/x.tgz": read tcp 10.0.0.1:443: i/o timeout'
    assert redact(text) == f'Get "https://{MARK}@charts.example.com/x.tgz": read tcp 10.0.0.1:443: i/o timeout'
    assert redact(f'{{"password":"{S}","user":"a"}}') == f'{{"password":{MARK},"user":"a"}}'
    assert redact(f"token-abcde:{S} has expired") == f"token-abcde:{MARK} has expired"


def test_known_secrets_go_wherever_they_are() -> None:
    """What is at hand is taken out in any surroundings, the longer before the shorter, and short words never."""
    assert redact("xxhunter22yy", ["hunter22"]) == f"xx{MARK}yy"
    assert redact("hunter22hunter2299", ["hunter22", "hunter2299"]) == MARK * 2
    assert redact("a b abc", ["a", "", "abc"]) == "a b abc"
    assert S not in redact(f"{S}{S} {S}", [S])


def test_nothing_forges_a_line() -> None:
    """Control characters, marks that turn text around and halves of surrogate pairs are gone."""
    assert redact("a\r\x00\x1b[31m\u202eb\ud800\u200bc") == "a   [31m b  c"


def test_length() -> None:
    """The answer has at most as many characters as asked for, cut between words, and says that it was cut."""
    assert redact("a" * LONGEST) == "a" * LONGEST
    words = redact("word " * LONGEST)
    assert len(words) <= LONGEST
    assert words.endswith("word …")
    for longest in range(40):
        assert len(redact("some words of no importance " * 9, longest=longest)) <= longest
        assert len(redact("password=x " * 9, longest=longest)) <= longest


def test_no_half_of_a_secret_stays_where_text_is_cut() -> None:
    """A credential that lies across either limit leaves nothing of itself."""
    for limit in (LONGEST, LONGEST_READ):
        for shift in range(60):
            text = "w " * ((limit - 60) // 2) + "x" * shift + f" https://user:{S}@host.example/chart.tgz end"
            assert "correct" not in redact(text)
            assert "user:" not in redact(text)
    assert S[:5] not in redact("x" * (LONGEST_READ - 5) + S)


HARD = st.lists(
    st.sampled_from([
        *(MARK, "[redacted", "redacted]", "[", "]", "password", "=", ":", " ", "\n", '"', "'", "\\", "@", "/", "//"),
        *("https://", "user", "token", "Authorization", "Bearer", "eyJabcdef", ".", "%3A%2F%2F", "%40", "secret"),
        "S3cr3t",
        *("-----BEGIN A-----", "-----END A-----", "token-abcde:", "cookie", " …", "{", "}", ",", "basic", "abcd1234"),
    ]),
    max_size=30,
).map("".join)  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.one_of(HARD, st.text(max_size=80)), st.integers(0, 120))
def test_again_changes_nothing(text: str, longest: int) -> None:
    """Whatever the text, redacting what was redacted leaves it as it is, within its length."""
    for limit in (LONGEST, longest):
        once = redact(text, longest=limit)
        assert len(once) <= limit
        assert redact(once, longest=limit) == once
    known = redact(text, ["redacted", "S3cr3t", "abcdef"])
    assert "S3cr3t" not in known
    assert redact(known, ["redacted", "S3cr3t", "abcdef"]) == known


@settings(max_examples=400, deadline=None)
@example('"secret":"', "password=")
@example('"secret":"', ":cookie:")
@example('"secret":"', '[redacted]="password=')
@given(st.sampled_from(["password=", "https://u:", "Bearer ", "token-abcde:", '"secret":"', "R_SESS="]), HARD)
def test_any_surroundings(before: str, around: str) -> None:
    """Whatever stands before and after, a credential in a plain form goes."""
    end = "@host" if before.startswith("https") else '"' if before.startswith('"') else ""
    text = f"{around} {before}{S}{end} {around}"
    assert S not in redact(text)


@pytest.mark.parametrize(
    "piece", ["a:", "-eyJ", "a.b://", "password=", '\\"', "%3A%2F%2F", "Bearer ", '"', "--a", "w "]
)
def test_no_text_takes_long(piece: str) -> None:
    """Text made to be hard on a regular expression is answered; the test's own time limit is the bound."""
    for before in ("", "password", 'password="', "https://"):
        for length in (LONGEST_READ, 100 * LONGEST_READ):
            assert len(redact((before + piece * length)[:length])) <= LONGEST
