"""Every shape that goes over a wire or into a znode comes back as it was, and garbage does not get in."""

from __future__ import annotations

import dataclasses
import inspect
import json
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.altair.mysql_ha.plugins.module_utils._adapters.codec import (
    decode,
    decode_plain,
    encode,
    plain,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core import (
    cluster,
    fleet_breaker,
    maintenance,
    manifest,
    observation,
    permission,
    returned,
    standing,
    thresholds,
    wire,
    znodes,
)
from ansible_collections.altair.mysql_ha.plugins.module_utils._core.errors import InvalidInput
from tests.unit.core.worlds import job

MODULES = (cluster, fleet_breaker, maintenance, manifest, observation, returned, standing, wire, znodes)
SHAPES: dict[str, type[Any]] = {
    name: kind
    for module in MODULES
    for name, kind in inspect.getmembers(module, dataclasses.is_dataclass)
    if inspect.isclass(kind) and kind.__module__ == module.__name__
} | {"Situation": permission.Situation, "Raised": thresholds.Raised}
NODE_NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
PORTS = st.integers(1, 65535)
ADDRESSES = st.sampled_from(("10.0.0.1", "192.0.2.255", "fd00::1", "::1", "fe80::"))

SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(),
    int: st.integers(),
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


def _node(name: str = "db1") -> st.SearchStrategy[cluster.Node]:
    zones = st.none() | st.text(min_size=1)
    return st.builds(cluster.Node, name=st.just(name), address=ADDRESSES, port=PORTS, agent_port=PORTS, zone=zones)


# Shapes that check themselves need values that pass.
CHECKED: Mapping[type[Any], Callable[[], st.SearchStrategy[Any]]] = {
    cluster.Node: _node,
    cluster.Dns: lambda: st.builds(
        cluster.Dns,
        name=NODE_NAMES.map(lambda name: f"{name}.example.com"),
        zone=st.just("example.com"),
        servers=st.lists(ADDRESSES, min_size=1).map(tuple),
        port=PORTS,
        ttl_seconds=st.integers(0, 3600),
    ),
    cluster.Thresholds: lambda: st.builds(
        cluster.Thresholds,
        disk_share_max=st.none() | st.floats(0.001, 1),
        inodes_share_max=st.none() | st.floats(0.001, 1),
        lag_seconds_max=st.none() | st.floats(0.001, 1e9),
        looks=st.integers(1),
        margin_share=st.floats(0, 0.999),
    ),
    cluster.Team: lambda: st.builds(cluster.Team, name=NODE_NAMES, target=st.none() | NODE_NAMES),
    cluster.Policy: lambda: st.builds(
        cluster.Policy,
        catch_up_seconds_max=st.floats(0.001, 1e9),
        cool_down_seconds=st.floats(0, 1e9),
        unproven_fence=st.sampled_from(cluster.UnprovenFence),
        lag_seconds_max=st.none() | st.floats(0, 1e9),
        transactions_missing_max=st.none() | st.integers(0),
        overload_seconds_max=st.floats(0, 1e9),
        acknowledge_seconds_max=st.floats(0, 1e9),
        escalate_every_seconds=st.floats(1, 1e9),
        thresholds=CHECKED[cluster.Thresholds](),
    ),
    fleet_breaker.FleetBreaker: lambda: st.builds(
        fleet_breaker.FleetBreaker,
        primaries_max=st.integers(1),
        share_max=st.floats(0, 1),
        window_seconds=st.floats(10, 86400),
    ),
    maintenance.Maintenance: lambda: st.builds(
        maintenance.Maintenance,
        node=st.none() | NODE_NAMES,
        begun_at=st.floats(0, 1e9),
        until_at=st.floats(1e9 + 1, 2e9),
    ),
    manifest.LossAccount: lambda: st.builds(
        manifest.LossAccount,
        lost=st.just("aaaaaaaa-0000-4000-8000-000000000001:1-3,aaaaaaaa-0000-4000-8000-000000000001:tag:7"),
        transactions=st.just(6),
        gtids_left_out=st.just(2),
        since_at=st.floats(0, 1e9),
        counted_at=st.floats(0, 1e9),
    ),
    returned.ReturnedNode: lambda: st.builds(
        returned.ReturnedNode,
        errant=st.just("aaaaaaaa-0000-4000-8000-000000000001:1-3"),
        transactions=st.just(4),
        gtids_left_out=st.just(1),
        at=st.floats(0, 1e9),
    ),
    cluster.ClusterSpec: lambda: st.builds(
        cluster.ClusterSpec,
        cluster=NODE_NAMES,
        dns=CHECKED[cluster.Dns](),
        policy=CHECKED[cluster.Policy](),
        teams=st.lists(CHECKED[cluster.Team](), max_size=3, unique_by=lambda team: team.name).map(tuple),
        nodes=st.lists(NODE_NAMES, min_size=2, max_size=4, unique=True).flatmap(
            lambda names: st.tuples(*(_node(name) for name in names))
        ),
    ),
}


@cache
def values(hint: Any) -> st.SearchStrategy[Any]:
    """Every value that a type hint of the core admits."""
    if hint in CHECKED:
        return CHECKED[hint]()
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if inspect.isclass(hint) and dataclasses.is_dataclass(hint):
        hints = get_type_hints(hint)
        fields = {field.name: values(hints[field.name]) for field in dataclasses.fields(hint)}
        return st.builds(hint, **fields)
    return SIMPLE[hint] if hint in SIMPLE else _many(hint)


def _many(hint: Any) -> st.SearchStrategy[Any]:
    """Unions, tuples of any length, lists and dictionaries."""
    parts = [values(each) for each in get_args(hint) if each is not Ellipsis]
    makers: dict[Any, Callable[[], st.SearchStrategy[Any]]] = {
        Union: lambda: st.one_of(*parts),
        types.UnionType: lambda: st.one_of(*parts),
        tuple: lambda: st.lists(*parts, max_size=3).map(tuple),
        list: lambda: st.lists(*parts, max_size=3),
        dict: lambda: st.dictionaries(*parts, max_size=3),
    }
    return makers[get_origin(hint)]()


def test_the_shapes_are_all_here() -> None:
    assert {"ClusterSpec", "ClusterState", "Job", "NodeHealth", "Observation", "Refusal", "Suspicion"} <= set(SHAPES)


@pytest.mark.parametrize("name", sorted(SHAPES))
@settings(max_examples=50)
@given(data=st.data())
def test_a_shape_comes_back_as_it_went_and_goes_as_plain_json(name: str, data: st.DataObject) -> None:
    shape = SHAPES[name]
    value = data.draw(values(cast(Any, shape)))
    raw = encode(value)
    back = decode(shape, raw, "a znode")
    assert back == value
    assert repr(back) == repr(value)
    assert json.loads(raw) == plain(value)
    assert set(json.loads(raw)) == {field.name for field in dataclasses.fields(shape)}


@pytest.mark.parametrize("name", sorted(SHAPES))
@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b'"text"', b"\xff\xfe", b"7"])
def test_garbage_is_refused_and_its_source_named(name: str, raw: bytes) -> None:
    with pytest.raises(InvalidInput, match=f"^/altair/x holds no valid {name}: "):
        decode(SHAPES[name], raw, "/altair/x")


STATE = {"epoch": 7, "primary": "db1"}


@pytest.mark.parametrize(
    ("change", "field"),
    [({"epoch": "7"}, "epoch"), ({"epoch": 7.5}, "epoch"), ({"epoch": None}, "epoch"), ({"primary": 1}, "primary")],
)
def test_a_field_of_the_wrong_kind_is_named(change: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput, match=rf"^x holds no valid ClusterState: {field}: ") as caught:
        decode(znodes.ClusterState, json.dumps(STATE | change).encode(), "x")
    assert "http" not in str(caught.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InvalidInput, match="x holds no valid ClusterState: primary: is missing"):
        decode(znodes.ClusterState, b'{"epoch": 7}', "x")


def test_a_newer_neighbour_may_say_more() -> None:
    raw = json.dumps(STATE | {"invented_later": [1, 2]}).encode()
    assert decode(znodes.ClusterState, raw, "x") == znodes.ClusterState(epoch=7, primary="db1")


def test_a_registered_cluster_that_breaks_a_rule_is_refused_when_read_not_when_used() -> None:
    raw = encode(
        cluster.ClusterSpec(
            cluster="orders",
            nodes=tuple(cluster.Node(name=name, address="10.0.0.1") for name in ("db1", "db2")),
            dns=cluster.Dns(name="a.example.com", zone="example.com", servers=("10.0.0.9",)),
        )
    )
    with pytest.raises(InvalidInput, match=r"^x holds no valid ClusterSpec: .*names a node twice$"):
        decode(cluster.ClusterSpec, raw.replace(b'"db2"', b'"db1"'), "x")
    with pytest.raises(InvalidInput, match=r"nodes\.1: node name '\.\./db2' is not usable$"):
        decode(cluster.ClusterSpec, raw.replace(b'"db2"', b'"../db2"'), "x")


def test_a_person_may_write_a_number_as_text_but_not_a_word_as_a_number() -> None:
    written = {"name": "db1", "address": "10.0.0.1", "port": "3307"}
    assert decode_plain(cluster.Node, written, "nodes").port == 3307
    with pytest.raises(InvalidInput, match=r"^nodes: port: "):
        decode_plain(cluster.Node, written | {"port": "many"}, "nodes")


def test_the_steps_done_are_those_on_record() -> None:
    steps = tuple(
        znodes.StepRecord(step=name, epoch=7, changed=True, sentence="", evidence={}, finished_at=0.0, seconds=0.0)
        for name in ("pause_monitoring", "fence")
    )
    assert dataclasses.replace(job(), steps=steps).steps_done == ("pause_monitoring", "fence")


PATHS: tuple[Callable[[str], str], ...] = tuple(
    function
    for name, function in inspect.getmembers(znodes, inspect.isfunction)
    if name.endswith("_path") and len(inspect.signature(function).parameters) == 1
)


def test_no_two_znodes_share_a_path() -> None:
    paths = [function(name) for function in PATHS for name in ("orders", "db1")]
    paths += [znodes.health_path("orders", "db1"), znodes.history_path("orders", "orders-7")]
    assert len(set(paths)) == len(paths)


def test_paths_are_relative_and_have_a_docstring_that_names_the_shape() -> None:
    for function in PATHS:
        assert not function("orders").startswith("/")
        assert function.__doc__
        assert function.__doc__.split(".")[0].split(",")[0].split(":")[0] in SHAPES


def test_every_question_over_the_wire_has_a_path_of_its_own() -> None:
    paths = [value for name, value in vars(wire).items() if name.endswith("_PATH")]
    assert len(set(paths)) == len(paths) > 1
    assert all(path.startswith("/v1/") for path in paths)


def test_only_a_server_that_is_not_read_only_is_writable() -> None:
    state = observation.ServerState(
        server_uuid="u", version="9.7.4", read_only=True, super_read_only=True, gtid_executed=""
    )
    assert not state.writable
    assert dataclasses.replace(state, read_only=False, super_read_only=False).writable
