"""What a name server's misbehaviour is taken for, by one that misbehaves on this machine's loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import dns.message
import dns.rcode
import dns.tsig
import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.nameserver import (
    TsigKey,
    replace_address,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput, Unavailable

LOOPBACK = "127.0.0.1"
KEY = TsigKey("k", "hmac-sha256", "c2VjcmV0")
Reply = Callable[[dns.message.Message], bytes]


@contextmanager
def answering(reply: Reply) -> Iterator[int]:
    """A server that answers each message over TCP like this (nothing: it hangs up); the port is handed out."""
    with socket.create_server((LOOPBACK, 0)) as door:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    caller, _whom = door.accept()
                    with caller, caller.makefile("rb") as asked:
                        length = int.from_bytes(asked.read(2), "big")
                        answer = reply(dns.message.from_wire(asked.read(length), keyring=False))
                        caller.sendall(len(answer).to_bytes(2, "big") + answer if answer else b"")

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield door.getsockname()[1]
        door.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def refused_for_its_time(seconds_ahead: int, told: int = 6) -> Reply:
    """RFC 8945, 5.2.3: the error of the signature is BADTIME, and the server's own time stands in its other data."""

    def reply(message: dns.message.Message) -> bytes:
        assert message.tsig is not None
        now = message.tsig[0].time_signed - seconds_ahead
        answer = dns.message.make_response(message)
        answer.set_rcode(dns.rcode.NOTAUTH)
        answer.use_tsig(
            dns.tsig.Key(KEY.name, KEY.secret, KEY.algorithm),
            tsig_error=dns.rcode.BADTIME,
            other_data=now.to_bytes(6, "big")[:told],
        )
        return answer.to_wire()

    return reply


def change(port: int) -> None:
    replace_address(
        LOOPBACK,
        port,
        zone="example.com",
        name="orders.example.com",
        old=("10.0.0.1",),
        new="10.0.0.2",
        ttl_seconds=5,
        key=KEY,
        seconds=10.0,
    )


@pytest.mark.parametrize(("ahead", "words"), [(601, "601 s ahead of"), (-86400, "86400 s behind")])
def test_a_clock_that_is_off_is_named_with_how_far_and_is_not_tried_again(ahead: int, words: str) -> None:
    with answering(refused_for_its_time(ahead)) as port, pytest.raises(InvalidInput) as caught:
        change(port)
    assert str(caught.value) == (
        f"our clock is {words} the name server {LOOPBACK}'s, so it refuses what we sign; set the wrong one right"
    )


def test_a_server_that_does_not_tell_its_time_is_named_all_the_same() -> None:
    with answering(refused_for_its_time(601, told=0)) as port, pytest.raises(InvalidInput) as caught:
        change(port)
    assert str(caught.value).startswith(f"our clock is more than 300 s off the name server {LOOPBACK}'s")


def test_a_server_that_hangs_up_before_it_answers_may_be_tried_again() -> None:
    with answering(lambda _message: b"") as port, pytest.raises(Unavailable) as caught:
        change(port)
    assert f"the name server {LOOPBACK} does not take an update of orders.example.com" in str(caught.value)
