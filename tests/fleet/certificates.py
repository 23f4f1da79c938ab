"""Certificates for a whole fleet: one authority, one key, and a certificate of its own for each name."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.lab.credentials import write_private

_DAYS = datetime.timedelta(days=2)


class Authority:
    """Signs for the names of one fleet. All share one key: making thousands of them would only take time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._signer = ec.generate_private_key(ec.SECP256R1())
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("the fleet's authority", "authority")
        self._now = datetime.datetime.now(datetime.UTC)
        own = self._builder(self._name, self._signer.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.ca.write_bytes(own.sign(self._signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        raw = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        write_private(self.key, raw.decode())

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def files(self, name: str) -> dict[str, str]:
        """As a daemon's settings name them."""
        return {"ca": str(self.ca), "certificate": str(self.certificate(name)), "key": str(self.key)}

    def issue(self, names: Iterable[str], role: str, address: str) -> None:
        """Common name: the name. Organizational unit: the role."""
        places = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        for name in names:
            leaf = self._builder(_name(name, role), self._key.public_key()).add_extension(places, critical=False)
            signed = leaf.sign(self._signer, hashes.SHA256())
            self.certificate(name).write_bytes(signed.public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self._name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        return builder.not_valid_before(self._now - _DAYS).not_valid_after(self._now + _DAYS)


def _name(common: str, role: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, common),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, role),
        ]
    )
