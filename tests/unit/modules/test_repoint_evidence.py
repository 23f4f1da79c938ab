"""What the step ``repoint`` puts on record of each replica, and what it remembers of an earlier run."""

from __future__ import annotations

from ansible_collections.altair.mysql_ha.plugins.module_utils._procedures.follow import Followed
from ansible_collections.altair.mysql_ha.plugins.modules.repoint import evidence_of, tls_lost


def came(following: bool, *, differs: dict[str, str] | None = None, moves_by_itself: bool = False) -> Followed:
    return Followed(
        following=following,
        changed=True,
        sentence="so it came",
        changed_options=differs or {},
        moves_by_itself=moves_by_itself,
    )


LOST = came(False, differs={"SSL_ALLOWED": "was YES, is NO"})


def test_of_replicas_that_follow_as_before_only_that_is_on_record() -> None:
    evidence = evidence_of({"db3": came(True), "db2": came(False)}, {})
    assert evidence == {"following": ["db3"], "left_behind": ["db2"], "db2": "so it came", "db3": "so it came"}


def test_each_option_that_differs_is_named_with_its_replica() -> None:
    evidence = evidence_of({"db3": came(True, differs={"AUTO_POSITION": "was 0, is 1"})}, {})
    assert evidence["changed_options"] == ["db3:AUTO_POSITION"]
    assert "tls_lost" not in evidence


def test_who_may_choose_another_source_by_itself_is_named() -> None:
    assert evidence_of({"db3": came(True, moves_by_itself=True)}, {})["moves_by_itself"] == ["db3"]


def test_who_lost_its_tls_is_remembered_from_run_to_run_until_it_follows() -> None:
    first = evidence_of({"db3": LOST}, {})
    assert tls_lost(first) == ["db3"]
    second = evidence_of({"db3": came(False)}, first)
    assert tls_lost(second) == ["db3"]
    assert tls_lost(evidence_of({"db3": came(True)}, second)) == []
