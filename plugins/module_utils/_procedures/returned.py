# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of nodes on their way back, and the account of what such a node has and nobody else should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from .._adapters.agent import TlsFiles
from .._adapters.codec import encode
from .._adapters.private_file import write_private
from .._adapters.zookeeper import Store
from .._core.clone import Copy
from .._core.cluster import Node
from .._core.errors import InvalidInput, Unavailable
from .._core.gtid import GtidSet
from .._core.losses import Findings, manifest_of
from .._core.manifest import LossManifest, LostTransaction
from .._core.rejoin import Returned
from .._core.returned import ReturnedNode, Stage
from .._core.wire import SalvageRequest
from .._core.znodes import returned_path
from .losses import logs_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Errant:
    """``manifest``: with the rows. ``rows_unread``: why some are not there; empty when all are."""

    manifest: LossManifest
    rows_unread: str

    def noted(self, node: str, stage: Stage, because: str, by: str, now_at: float) -> ReturnedNode:
        """As it goes on record, without rows."""
        account = self.manifest.account
        return ReturnedNode(
            node=node,
            stage=stage,
            because=because,
            by=by,
            at=now_at,
            errant=account.lost,
            transactions=account.transactions,
            gtids_left_out=account.gtids_left_out,
            tables=account.tables,
            rows_unread=self.rows_unread,
        )

    def keep(self, folder: str | None) -> str:
        """Write the rows for their owners, of mode 0600; the file's path, or why there is none."""
        account = self.manifest.account
        if folder is None:
            return "none: no losses_folder is given"
        if not account.transactions:
            return "none: there are no errant transactions"
        path = Path(folder) / f"{account.job}.json"
        write_private(path, encode(self.manifest))
        return str(path)


def errant_of(
    agents: TlsFiles | None, cluster: str, node: Node, one: Returned, *, epoch: int, seconds: float, now_at: float
) -> Errant:
    """GTIDs by mysqld's own word; the rows by its binary logs, which its agent reads."""
    name = f"{cluster}-{epoch}-{node.name}-errant"
    question = SalvageRequest(cluster=cluster, node=node.name, job=name, epoch=epoch, have=str(one.has), rows=True)
    found: tuple[GtidSet | None, str, tuple[LostTransaction, ...]] = (None, "", ())
    if one.errant:
        found = logs_of(agents, node, question, seconds)
    logs, unread, rows = found
    # Of a node that replicates the logs hold by now what the primary has written since it was asked.
    read = None if logs is None else logs & one.errant
    seen = Findings(has=one.has, logs=read, unread=unread, salvaged=None, reported=one.errant)
    manifest = manifest_of(
        seen,
        rows,
        cluster=cluster,
        job=name,
        old_primary=node.name,
        new_primary=one.primary,
        since_at=now_at,
        counted_at=now_at,
    )
    account = replace(manifest.account, learned="its own gtid_executed", unknown="")
    missing = unread or "its binary logs do not hold them any more"
    return Errant(manifest=replace(manifest, account=account), rows_unread=missing if manifest.without_rows else "")


def on_record(store: Store, cluster: str, node: str) -> ReturnedNode | None:
    """None also where it cannot be read."""
    try:
        found = store.read(returned_path(cluster, node), ReturnedNode)
    except InvalidInput:
        return None
    return found.value if found else None


def stage_of(store: Store, cluster: str, node: str) -> Stage | None:
    """A record that cannot be read says the worst that it might have said."""
    entry = on_record(store, cluster, node)
    if entry is not None:
        return entry.stage
    return None if store.version(returned_path(cluster, node)) is None else Stage.COPYING


def half_copied(store: Store, cluster: str, node: str, copy: Copy) -> bool:
    """Whether what the node holds counts for nothing, because its data was removed for a copy that is not there.

    ``copy``: the last one that the server tells of.
    """
    entry = on_record(store, cluster, node)
    if entry is None or copy.unfinished:
        return copy.unfinished or stage_of(store, cluster, node) is Stage.COPYING
    return entry.stage is Stage.COPYING and not (copy.finished and copy.begun != entry.earlier_copy)


def note(store: Store, cluster: str, entry: ReturnedNode) -> bool:
    """Whether the record says something else now than before."""
    found = on_record(store, cluster, entry.node)
    if found is not None and found.same_as(entry):
        return False
    store.put(returned_path(cluster, entry.node), entry)
    return True


def forget(store: Store, cluster: str, node: str) -> bool:
    """Whether there was anything to forget."""
    path = returned_path(cluster, node)
    there = store.version(path) is not None
    if there:
        store.delete(path)
    return there


def must_be_writable(folder: str | None) -> None:
    """Before anything is destroyed whose rows are to be written there."""
    if folder is not None and not Path(folder).is_dir():
        raise Unavailable(f"the losses_folder {folder} is not there; make it, for its owner only")
