"""Certificates, name-server keys and credentials of one lab; every private file has mode 0600."""

import base64
import os
import secrets
from pathlib import Path

import trustme

from tests.lab.addresses import HOSTS, role_of

KEY_NAME = "altair-update"
# Passwords for test accounts on addresses that exist only inside a lab; fixed, because the template knows them.
PASSWORDS = {"altair": "lab-altair-7pWz", "repl": "lab-repl-3kTq", "app": "lab-app-9xVd"}


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def write_credentials(etc: Path) -> None:
    """Write `altair.cnf`, `repl.cnf` and `app.cnf`: MySQL option files with a [client] section."""
    for user, password in PASSWORDS.items():
        write_private(etc / f"{user}.cnf", f"[client]\nuser={user}\npassword={password}\n")


def write_update_keys(etc: Path) -> str:
    """Write `altair-update.key` and `wrong-update.key` (same name, other secret), in BIND's format.

    Returns the text of the right one.
    """
    texts = []
    for file in ("altair-update.key", "wrong-update.key"):
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        text = f'key "{KEY_NAME}" {{\n\talgorithm hmac-sha256;\n\tsecret "{secret}";\n}};\n'
        write_private(etc / file, text)
        texts.append(text)
    return texts[0]


def write_certificates(tls: Path) -> None:
    """Write `ca.pem`, and `<host>.pem` with `<host>.key` for each host.

    Common name: the host's name. Organizational unit: its role. Alternative names: its name and its address.
    """
    tls.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="altair lab", key_type=trustme.KeyType.ECDSA)
    (tls / "ca.pem").write_bytes(authority.cert_pem.bytes())
    for host, address in HOSTS.items():
        issued = authority.issue_cert(
            host,
            address,
            common_name=host,
            organization_name="altair lab",
            organization_unit_name=role_of(host) or "service",
            key_type=trustme.KeyType.ECDSA,
        )
        (tls / f"{host}.pem").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        write_private(tls / f"{host}.key", issued.private_key_pem.bytes().decode())
