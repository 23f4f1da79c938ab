# Copyright: the altair.mysql_ha maintainers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can go wrong, as one family. An error's text is one sentence: the thing and the next move."""

from __future__ import annotations


class AltairError(Exception):
    """Base of the family. ``exit_code`` is what a daemon or command ends with when nothing catches it."""

    exit_code = 1


class InvalidInput(AltairError):
    """A person's or a neighbour's data cannot be used as it is. Nothing was changed."""

    exit_code = 2


class Unavailable(AltairError):
    """A neighbour (MySQL, ZooKeeper, name server, agent, monitor) does not answer or would not let us in."""

    exit_code = 3


class NotFound(AltairError):
    """The thing named does not exist."""

    exit_code = 4


class Conflict(AltairError):
    """Somebody changed the thing first: a compare-and-set lost."""

    exit_code = 5


class StaleEpoch(Conflict):
    """The job runs under an epoch that is no longer the cluster's; another job has taken over."""


class Refused(AltairError):
    """The rules forbid the act; the sentence says which rule."""

    exit_code = 6


class PostconditionFailed(AltairError):
    """The act was carried out, but what it should have brought about cannot be seen."""

    exit_code = 7


class Paused(AltairError):
    """The job stopped by itself and waits for a person's word."""

    exit_code = 8
