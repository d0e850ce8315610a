"""The certificates as a Secret keeps them, and what each step of their rotation makes of them.

Keys of the Secret: ``tls.crt`` and ``tls.key`` are served, ``ca.crt`` is the bundle that configurations publish. Pods
mount none but the first two. ``authority.*`` sign, ``staged.*`` will, ``retired.crt`` holds CAs that did, and leaves of
theirs that may still be served.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization

from app.certificates import KeyPair, issue_leaf, new_authority, renewal_time
from app.core.rotation import Authority, Holdings, Leaf, Retired


@dataclass(frozen=True, slots=True)
class Stored:
    """What one version of the Secret holds; a pair that is missing or damaged is None.

    Attributes:
        authority: the CA that signs.
        leaf: what is served.
        staged: the CA that will sign.
        retired: certificates (PEM) of CAs that signed, and of leaves under them that may still be served.
    """

    authority: KeyPair | None = None
    leaf: KeyPair | None = None
    staged: KeyPair | None = None
    retired: tuple[bytes, ...] = ()

    def holdings(self) -> Holdings:
        """The facts that decide what to do next."""
        return Holdings(
            _authority(self.authority) if self.authority else None,
            _leaf(self.leaf, self.authority) if self.leaf else None,
            _authority(self.staged) if self.staged else None,
            tuple(_retired(map(_load, self.retired))),
        )

    def bundle(self, now: datetime) -> bytes:
        """The certificates (PEM) that configurations have to trust, in an order that does not change by itself."""
        wanted = self.holdings().bundle(now)
        pairs = [pair.certificate for pair in (self.authority, self.staged) if pair]
        unique = {fingerprint(_load(pem)): pem for pem in (*pairs, *self.retired)}
        return b"".join(pem for known_by, pem in unique.items() if known_by in wanted)

    def data(self, now: datetime) -> dict[str, bytes]:
        """The Secret's content."""
        pairs = {"authority": self.authority, "staged": self.staged, "tls": self.leaf}
        content = {"ca.crt": self.bundle(now), "retired.crt": b"".join(self.retired)}
        for name, pair in pairs.items():
            if pair:
                content |= {f"{name}.crt": pair.certificate, f"{name}.key": pair.key}
        return {key: value for key, value in content.items() if value}


def read(data: Mapping[str, bytes]) -> Stored:
    """Read a Secret's content. What is damaged counts as missing, except that nobody else's certificate is lost."""
    return Stored(
        _pair(data, "authority", ca=True),
        _pair(data, "tls", ca=False),
        _pair(data, "staged", ca=True),
        tuple(map(_pem, certificates_in(data.get("retired.crt", b"")))),
    )


def created(names: Iterable[str], now: datetime) -> Stored:
    """A new CA and a leaf under it."""
    return _signing(Stored(), _new_authority(now), names, now)


def with_staged(stored: Stored, trusted: Iterable[bytes], now: datetime) -> Stored:
    """The same with a new CA staged.

    Args:
        stored: what is there.
        trusted: the bundles that configurations have now. Where the CA was lost, somebody may still serve a leaf under
            what they trust, so it is kept as retired until it ends by itself.
        now: the API server's clock.
    """
    adopted: list[bytes] = []
    if stored.authority is None:
        seen = {fingerprint(_load(pem)) for pem in stored.retired}
        bundled = {fingerprint(found): found for bundle in trusted for found in certificates_in(bundle)}
        adopted = [
            _pem(found)
            for known_by, found in bundled.items()
            if known_by not in seen and _is_ca(found) and now < found.not_valid_after_utc
        ]
    return replace(stored, staged=_new_authority(now), retired=(*stored.retired, *adopted))


def with_promoted(stored: Stored, names: Iterable[str], now: datetime) -> Stored:
    """The same with the staged CA signing, a leaf under it, and the CA before it retired."""
    if stored.staged is None:
        raise ValueError("no CA is staged; stage one first")
    before = [pair.certificate for pair in (stored.authority, stored.leaf) if pair]
    retired = tuple(dict.fromkeys((*stored.retired, *before)))
    return _signing(Stored(retired=retired), stored.staged, names, now)


def with_leaf(stored: Stored, names: Iterable[str], now: datetime) -> Stored:
    """The same with a new leaf.

    The one before is remembered where it ends later, since it may be served until then.
    """
    if stored.authority is None:
        raise ValueError("no CA can sign; make one first")
    leaf = issue_leaf(stored.authority, names, now)
    retired = stored.retired
    if stored.leaf and _load(stored.leaf.certificate).not_valid_after_utc > _load(leaf.certificate).not_valid_after_utc:
        retired = (*retired, stored.leaf.certificate)
    return replace(stored, leaf=leaf, retired=retired)


def without_retired(stored: Stored, now: datetime | None) -> Stored:
    """The same without retired CAs whose last leaf has expired, and without expired leaves; with None without any."""
    if now is None:
        return replace(stored, retired=())
    over = {ca.fingerprint for ca in stored.holdings().retired if now >= ca.until}
    kept = [pem for pem in stored.retired if fingerprint(_load(pem)) not in over]
    return replace(stored, retired=tuple(pem for pem in kept if now < _load(pem).not_valid_after_utc))


def certificates_in(bundle: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates of a bundle (PEM); none where it cannot be read."""
    try:
        return tuple(x509.load_pem_x509_certificates(bundle))
    except ValueError:
        return ()


def trusted_by(bundle: bytes) -> frozenset[str]:
    """The fingerprints in a bundle. One that cannot be read is unlike any other, and nobody is trusted by it."""
    found = frozenset(map(fingerprint, certificates_in(bundle)))
    return found or (frozenset({"unreadable"}) if bundle.strip() else frozenset())


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, in lower-case hexadecimal."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def _new_authority(now: datetime) -> KeyPair:
    # The date tells two CAs in one bundle apart, for whoever reads it.
    return new_authority(f"status-guard CA {now:%Y-%m-%d}", now)


def _signing(stored: Stored, authority: KeyPair, names: Iterable[str], now: datetime) -> Stored:
    return replace(stored, authority=authority, leaf=issue_leaf(authority, names, now))


def _pair(data: Mapping[str, bytes], name: str, *, ca: bool) -> KeyPair | None:
    pair = KeyPair(data.get(f"{name}.crt", b""), data.get(f"{name}.key", b""))
    try:
        certificate = _load(pair.certificate)
        matches = serialization.load_pem_private_key(pair.key, None).public_key() == certificate.public_key()
    except (ValueError, TypeError):
        return None
    return pair if matches and _is_ca(certificate) == ca else None


def _authority(pair: KeyPair) -> Authority:
    found = _load(pair.certificate)
    return Authority(fingerprint(found), renewal_time(pair.certificate), found.not_valid_after_utc)


def _leaf(pair: KeyPair, authority: KeyPair | None) -> Leaf:
    found = _load(pair.certificate)
    issuer = _load(authority.certificate) if authority else None
    issued_by = fingerprint(issuer) if issuer and _signed(found, issuer) else ""
    return Leaf(issued_by, _names(found), found.not_valid_before_utc, renewal_time(pair.certificate))


def _retired(certificates: Iterable[x509.Certificate]) -> Iterable[Retired]:
    found = list(certificates)
    for ca in filter(_is_ca, found):
        ends = [leaf.not_valid_after_utc for leaf in found if not _is_ca(leaf) and _signed(leaf, ca)]
        # Of a CA without a leaf nobody knows what it signed: it stays until it ends by itself.
        yield Retired(fingerprint(ca), min(max(ends, default=ca.not_valid_after_utc), ca.not_valid_after_utc))


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return frozenset()
    return frozenset(str(name.value) for name in names)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _signed(leaf: x509.Certificate, ca: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(ca)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _load(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
