"""The table of verdicts, proved by every small snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import pytest

from ansible_collections.altair.mysql_ha.plugins.module_utils._core.health import Health
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.observation import ProcessState, Reach, Sighting
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.snapshot import Snapshot
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.verdict import RULES, Verdict, judge
from tests.unit.core.worlds import snapshot, snapshots

LIFE = {Reach.REACHED, Reach.DUBIOUS}
SILENCE_OR_REFUSAL = {Reach.REFUSED, Reach.TIMED_OUT}


def reaches(seen: Snapshot) -> set[Reach]:
    return {each.reach for each in seen.replicas}


def exited(seen: Snapshot) -> bool:
    """The agent's word that mysqld exited, unless the agent has since said that it runs."""
    return seen.agent is ProcessState.EXITED or (seen.agent is ProcessState.UNKNOWN and exit_reported(seen))


def exit_reported(seen: Snapshot) -> bool:
    return Health.MYSQLD_EXITED is seen.suspected or ProcessState.EXITED is seen.reported


def nobody_gets_in(seen: Snapshot) -> bool:
    return seen.orchestrator in SILENCE_OR_REFUSAL and not reaches(seen) & LIFE


def voices(seen: Snapshot) -> set[Reach]:
    """What those say who vote on the primary's lease."""
    return {each.reach for each in seen.replicas if seen.voters is None or each.observer in seen.voters}


def voters_deny(seen: Snapshot) -> bool:
    """Of one voter or two each has to; silence is no denial."""
    return bool(voices(seen)) and voices(seen) <= SILENCE_OR_REFUSAL


def all_fail(seen: Snapshot) -> bool:
    return nobody_gets_in(seen) and voters_deny(seen)


HUNG = "mysqld runs, by its agent's word, and answers nobody: not its agent, not the orchestrator, no replica"
FENCED = "it has fenced itself when its lease was lost and is reachable again; the cluster has no writable primary"
CLOSED = "its agent saw mysqld exit; one is back that does not let the orchestrator in, and it boots read-only"
READ_ONLY = (
    "its reports and the orchestrator's own look show it read-only, so the cluster has no writable primary;"
    " who makes it read-only on purpose announces maintenance first"
)
UNPROVEN = "nobody reaches the primary, but its reports have not been missing for three beats and no exit was seen"
# Each sentence of the table, and by another road what has to be so wherever it is said.
TRUE_WHEN: dict[str, Callable[[Snapshot], bool]] = {
    "the primary answered the orchestrator and refused to let it in; a server that refuses is alive": lambda seen: (
        seen.orchestrator is Reach.DUBIOUS
    ),
    "its agent saw mysqld exit; it is back and boots read-only, so the cluster has no writable primary": lambda seen: (
        exit_reported(seen) and seen.orchestrator is Reach.REACHED and seen.read_only is True
    ),
    "its host is known to be down, and neither the orchestrator nor a replica reaches it": lambda seen: (
        seen.host is False and seen.agent is ProcessState.UNKNOWN and nobody_gets_in(seen)
    ),
    "the orchestrator reaches the primary": lambda seen: seen.orchestrator is Reach.REACHED,
    "monitors and the orchestrator are cut off from the primary, but a replica still reaches it": lambda seen: (
        seen.suspected is Health.HOST_SILENT and seen.orchestrator not in LIFE and bool(reaches(seen) & LIFE)
    ),
    "the orchestrator cannot reach the primary, but a replica still does": lambda seen: (
        seen.orchestrator not in LIFE and bool(reaches(seen) & LIFE)
    ),
    "its agent saw mysqld exit, and neither the orchestrator nor a replica reaches it": lambda seen: (
        exited(seen) and seen.orchestrator in SILENCE_OR_REFUSAL and not reaches(seen) & LIFE
    ),
    "the orchestrator's own connection attempt gave no answer to judge by": lambda seen: (
        seen.orchestrator is Reach.UNKNOWN
    ),
    "too few of the replicas that vote on the primary's lease say that they cannot reach it": lambda seen: (
        Reach.UNKNOWN in voices(seen) or not voices(seen)
    ),
    HUNG: lambda seen: (
        seen.agent is ProcessState.RUNNING
        and seen.agent_reach in SILENCE_OR_REFUSAL
        and seen.suspected is Health.MYSQLD_HUNG
        and all_fail(seen)
    ),
    "the primary's agent still answers and says that mysqld runs; only the ways to mysqld are cut": lambda seen: (
        seen.agent is ProcessState.RUNNING and not (reaches(seen) | {seen.orchestrator}) & LIFE
    ),
    "monitors miss its reports, and neither the orchestrator nor any replica reaches it": lambda seen: (
        seen.suspected is Health.HOST_SILENT and all_fail(seen)
    ),
    CLOSED: lambda seen: exit_reported(seen) and seen.orchestrator is Reach.DUBIOUS and seen.read_only is not False,
    READ_ONLY: lambda seen: (
        seen.suspected is Health.PRIMARY_READ_ONLY and seen.orchestrator is Reach.REACHED and seen.read_only is True
    ),
    FENCED: lambda seen: (
        seen.suspected is Health.SELF_FENCED and seen.orchestrator is Reach.REACHED and seen.read_only is True
    ),
    UNPROVEN: lambda seen: (
        seen.suspected is not Health.HOST_SILENT
        and not exited(seen)
        and not (reaches(seen) | {seen.orchestrator}) & LIFE
    ),
}


def with_less_known(seen: Snapshot) -> Iterator[tuple[str, Snapshot]]:
    """The same screening with one answer replaced by none, and whose answer it was."""
    if seen.orchestrator is not Reach.UNKNOWN:
        yield "orchestrator", replace(seen, orchestrator=Reach.UNKNOWN, read_only=None)
    if seen.read_only is not None:
        yield "read_only", replace(seen, read_only=None)
    if seen.host is not None:
        yield "host", replace(seen, host=None)
    if seen.reported is not ProcessState.UNKNOWN:
        yield "report", replace(seen, reported=ProcessState.UNKNOWN)
    if seen.agent is not ProcessState.UNKNOWN:
        yield "agent", replace(seen, agent=ProcessState.UNKNOWN, agent_reach=Reach.UNKNOWN)
    if seen.agent_reach is not Reach.UNKNOWN:
        yield "agent's look", replace(seen, agent_reach=Reach.UNKNOWN)
    if seen.suspected is not Health.UNKNOWN:
        yield "monitor", replace(seen, suspected=Health.UNKNOWN)
    for index, sighting in enumerate(seen.replicas):
        if sighting.reach is not Reach.UNKNOWN:
            mute = replace(sighting, reach=Reach.UNKNOWN)
            yield "replica", replace(seen, replicas=(*seen.replicas[:index], mute, *seen.replicas[index + 1 :]))


@cache
def awakened() -> tuple[tuple[str, Snapshot], ...]:
    """Every loss of one answer that turns a verdict which forbids a failover into one that allows it.

    Left out is what another test shows to be no reason for anything.
    """
    return tuple(
        (who, seen)
        for seen in snapshots()
        if seen.host is not True and seen.reported is not ProcessState.RUNNING
        if not judge(seen).actionable
        for who, poorer in with_less_known(seen)
        if judge(poorer).actionable
    )


def test_every_row_wins_somewhere() -> None:
    won = Counter(RULES.index(judge(seen)) for seen in snapshots())
    assert sorted(won) == list(range(len(RULES)))


def test_every_row_says_a_sentence_of_its_own() -> None:
    assert len({rule.because for rule in RULES}) == len(RULES)


def test_every_verdict_of_the_vocabulary_is_given_by_some_row() -> None:
    assert {rule.verdict for rule in RULES} == set(Verdict)


def test_what_cannot_be_told_is_never_acted_on() -> None:
    idle = {Verdict.UNCERTAIN, Verdict.FALSE_ALARM, Verdict.UNREACHABLE_PRIMARY}
    assert all(rule.actionable is (rule.verdict not in idle) for rule in RULES)


def test_every_sentence_is_true_wherever_it_is_said() -> None:
    assert set(TRUE_WHEN) == {rule.because for rule in RULES}
    liars = {judge(seen).because for seen in snapshots() if not TRUE_WHEN[judge(seen).because](seen)}
    assert not liars


def boots_closed(seen: Snapshot) -> bool:
    """mysqld exited, what runs there now turns the orchestrator away, and nobody has seen it writable."""
    return seen.orchestrator is Reach.DUBIOUS and exit_reported(seen) and seen.read_only is not False


def test_a_primary_somebody_connects_to_is_never_failed_over_unless_it_is_read_only() -> None:
    for seen in snapshots():
        if seen.orchestrator in LIFE or reaches(seen) & LIFE:
            rule = judge(seen)
            assert not rule.actionable or seen.read_only is True or boots_closed(seen)
            assert not rule.actionable or rule.verdict in (
                Verdict.RESTARTED_PRIMARY,
                Verdict.FENCED_PRIMARY,
                Verdict.READ_ONLY_PRIMARY,
            )


def test_a_primary_that_is_seen_writable_is_never_failed_over() -> None:
    seen_writable = [seen for seen in snapshots() if seen.read_only is False]
    assert seen_writable
    assert not any(judge(seen).actionable for seen in seen_writable)


def test_a_primary_that_is_read_only_is_failed_over_only_where_a_report_gave_cause() -> None:
    for seen in snapshots():
        if seen.orchestrator is Reach.REACHED and seen.read_only is True:
            cause = exit_reported(seen) or seen.suspected in (Health.SELF_FENCED, Health.PRIMARY_READ_ONLY)
            assert judge(seen).actionable is cause


def test_an_agent_that_now_reaches_its_mysqld_takes_the_hang_back() -> None:
    for seen in snapshots():
        if seen.suspected is Health.MYSQLD_HUNG and seen.agent_reach in LIFE and not exited(seen):
            assert not judge(seen).actionable or seen.orchestrator in LIFE


def test_a_failover_always_rests_on_the_orchestrators_own_look() -> None:
    for seen in snapshots():
        if judge(seen).actionable:
            read_only = (seen.orchestrator, seen.read_only) == (Reach.REACHED, True)
            assert seen.orchestrator in SILENCE_OR_REFUSAL or read_only or boots_closed(seen)


def test_without_an_exit_or_a_dead_host_every_voter_has_to_deny_the_primary() -> None:
    for seen in snapshots():
        proven = exited(seen) or (seen.host is False and seen.agent is ProcessState.UNKNOWN)
        if judge(seen).actionable and not proven and seen.orchestrator not in LIFE:
            assert voters_deny(seen)
            assert not reaches(seen) & LIFE


def test_the_silence_of_a_replica_that_left_the_voters_says_nothing() -> None:
    gone = [
        (seen, each)
        for seen in snapshots()
        for each in seen.replicas
        if seen.voters is not None and each.observer not in seen.voters and each.reach is Reach.UNKNOWN
    ]
    assert any(judge(seen).verdict is Verdict.LOST_PRIMARY for seen, _each in gone)
    for seen, each in gone:
        assert judge(seen) is judge(replace(seen, replicas=tuple(other for other in seen.replicas if other != each)))


def test_the_denial_of_a_replica_that_left_the_voters_is_not_enough() -> None:
    for seen in snapshots():
        if seen.voters is not None and not seen.voters and not exited(seen) and seen.host is not False:
            assert not judge(seen).actionable or seen.orchestrator in LIFE


def test_when_nobody_answers_nothing_is_done_whatever_a_monitor_suspects() -> None:
    mute = [seen for seen in snapshots() if seen.agent is ProcessState.UNKNOWN and seen.orchestrator is Reach.UNKNOWN]
    assert {judge(seen).verdict for seen in mute if reaches(seen) <= {Reach.UNKNOWN}} == {Verdict.UNCERTAIN}


def test_a_report_that_mysqld_runs_and_a_host_that_is_up_are_no_reason_for_anything() -> None:
    for seen in snapshots():
        if seen.reported is ProcessState.RUNNING:
            assert judge(seen) is judge(replace(seen, reported=ProcessState.UNKNOWN))
        if seen.host is True:
            assert judge(seen) is judge(replace(seen, host=None))


def test_the_orchestrators_or_a_monitors_silence_never_makes_a_failover_possible() -> None:
    assert not {who for who, _seen in awakened()} & {"orchestrator", "monitor", "host", "report", "agent's look"}


def test_not_knowing_whether_it_is_writable_counts_only_after_an_exit_because_it_boots_read_only() -> None:
    cases = [seen for who, seen in awakened() if who == "read_only"]
    assert cases
    assert all(exit_reported(seen) and seen.orchestrator is Reach.DUBIOUS for seen in cases)


def test_a_replicas_silence_makes_a_failover_possible_only_where_death_was_seen_by_others() -> None:
    cases = [seen for who, seen in awakened() if who == "replica"]
    assert cases
    assert all(exited(seen) or seen.host is False or voters_deny(seen) for seen in cases if None is seen.voters)
    for seen in cases:
        voted = seen.voters is None or {each.observer for each in seen.replicas} <= set(seen.voters)
        assert exited(seen) or seen.host is False or (not voted and reaches(seen) & LIFE)


def test_the_agents_silence_is_evidence_only_beside_another_sign_of_death() -> None:
    cases = [seen for who, seen in awakened() if who == "agent"]
    assert cases
    for seen in cases:
        assert seen.agent is ProcessState.RUNNING
        assert seen.orchestrator in SILENCE_OR_REFUSAL
        assert not reaches(seen) & LIFE
        assert seen.suspected is Health.HOST_SILENT or exit_reported(seen) or seen.host is False


def test_a_cut_off_orchestrator_is_denied_by_time_and_trusts_the_report_of_an_exit_and_no_other() -> None:
    for replicas in ((Reach.REFUSED,), (Reach.REFUSED, Reach.TIMED_OUT), (Reach.UNKNOWN,), ()):
        told = snapshot(Health.MYSQLD_EXITED, replicas=replicas)
        assert judge(told).verdict is Verdict.DEAD_PRIMARY
        for health in (
            Health.HEALTHY,
            Health.MYSQLD_OVERLOADED,
            Health.MYSQLD_HUNG,
            Health.MYSQLD_DUBIOUS,
            Health.UNKNOWN,
        ):
            assert judge(replace(told, suspected=health)).verdict is Verdict.UNCERTAIN
    gone_since = snapshot(Health.HOST_SILENT, reported=ProcessState.EXITED, replicas=(Reach.UNKNOWN,))
    assert judge(gone_since).verdict is Verdict.DEAD_PRIMARY


def test_a_host_known_to_be_down_settles_what_a_silent_replica_left_open() -> None:
    open_question = snapshot(Health.HOST_SILENT, replicas=(Reach.UNKNOWN, Reach.TIMED_OUT))
    assert judge(open_question).verdict is Verdict.UNCERTAIN
    assert judge(replace(open_question, host=False)).verdict is Verdict.LOST_PRIMARY
    contradicted = replace(open_question, host=False, agent=ProcessState.RUNNING)
    assert judge(contradicted).verdict is Verdict.UNCERTAIN


def test_more_replicas_that_saw_the_same_change_nothing() -> None:
    for seen in snapshots():
        if len(seen.replicas) == 1:
            twin = replace(seen, replicas=(*seen.replicas, replace(seen.replicas[0], observer="db3")))
            assert judge(twin) is judge(seen)


def test_a_snapshot_sorts_its_replicas_into_reaching_denying_and_silent_without_rest() -> None:
    for seen in snapshots():
        groups = (seen.replicas_reaching_primary, seen.replicas_denying_primary, seen.replicas_silent)
        assert sorted(name for group in groups for name in group) == [each.observer for each in seen.replicas]
    mixed = snapshot(replicas=(Reach.DUBIOUS, Reach.REFUSED, Reach.UNKNOWN, Reach.REACHED, Reach.TIMED_OUT))
    assert mixed.replicas_reaching_primary == ("db2", "db5")
    assert mixed.replicas_denying_primary == ("db3", "db6")
    assert mixed.replicas_silent == ("db4",)


def test_a_snapshot_cannot_be_changed_once_taken() -> None:
    with pytest.raises(AttributeError):
        snapshot().orchestrator = Reach.REACHED  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Sighting(observer="db2", target="db1", reach=Reach.REACHED).reach = Reach.REFUSED  # type: ignore[misc]
