"""The lab's command line: start it, break it, look at it, remove it."""

import argparse
import importlib
import importlib.util
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from rich.console import Console
from rich.table import Table

from tests.lab import addresses, parts, services
from tests.lab.errors import LabError
from tests.lab.lab import Lab, all_labs

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str]) -> int:
    """Run one sub-command; returns its exit status: 1 for a mistake that is explained in one sentence."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except LabError as error:
        Console(stderr=True, highlight=False).print(f"lab: {error}", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, text: str, *positional: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        for word in positional:
            optional = word.startswith("[")
            sub.add_argument(word.strip("[]").lower(), metavar=word.strip("[]"), nargs="?" if optional else None)
        sub.add_argument("--name", default="default", help="which lab (default: %(default)s)")
        sub.set_defaults(command=command)
        return sub

    up = add("up", _up, "start a lab: ZooKeeper, name server, three databases, and the daemons")
    up.add_argument("--only", type=lambda text: text.split(","), metavar="HOST,...", help="start these hosts only")
    up.add_argument("--no-daemons", action="store_true", help="start no agent, monitor or orchestrator")
    down = add("down", _down, "remove a lab: processes, namespaces, folder")
    down.add_argument("--all", action="store_true", help="remove every lab of this tree, crashed ones too")
    add("status", _status, "show hosts, processes and partitions")
    add("kill", _kill, "SIGKILL a process, or power a host off", "HOST", "[PROCESS]")
    add("stop", _stop, "suspend a process, or all of a host's (SIGSTOP)", "HOST", "[PROCESS]")
    add("cont", _cont, "let suspended processes go on (SIGCONT)", "HOST", "[PROCESS]")
    add("start", _start, "boot a host that was powered off, or start a process that died", "HOST", "[PROCESS]")
    partition = add("partition", _partition, "drop packets between two hosts, silently", "A", "B")
    partition.add_argument("--one-way", action="store_true", help="drop only what A sends to B")
    add("isolate", _isolate, "drop packets between a host and all others, silently", "HOST")
    add("heal", _heal, "end the partitions between A and B, around A, or all of them", "[A]", "[B]")
    logs = add("logs", _logs, "print the logs of a host", "HOST", "[PROCESS]")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    add("mysql", _mysql, "open a MySQL prompt on a host, as root through the socket", "HOST")
    run = add("exec", _exec, "run a command inside a host", "HOST")
    run.add_argument("argv", nargs="+", metavar="-- CMD", help="the command and its arguments, after --")
    return parser


def _lab(options: argparse.Namespace) -> Lab:
    lab = Lab(options.name)
    if not lab.state.read().hosts:
        raise LabError(f"There is no lab {lab.name}; start one with `up`.")
    return lab


def _up(options: argparse.Namespace) -> int:
    began = time.monotonic()
    lab = Lab(options.name, options.only or list(addresses.HOSTS))
    parts.say(f"starting lab {lab.name}: {', '.join(lab.addresses)}")
    lab.up(None if options.no_daemons else _daemons())
    parts.say(f"lab {lab.name} is up after {time.monotonic() - began:.1f} s, in {lab.folder}")
    return _status(options)


def _daemons() -> Callable[[Lab], None] | None:
    """The starter of the collection's own daemons, in a module of its own so that the lab can do without."""
    if importlib.util.find_spec("tests.lab.daemons") is None:
        return None
    start: Callable[[Lab], None] = importlib.import_module("tests.lab.daemons").start
    return start


def _down(options: argparse.Namespace) -> int:
    for lab in all_labs() if options.all else [Lab(options.name)]:
        lab.down()
    return 0


def _status(options: argparse.Namespace) -> int:
    lab = _lab(options)
    table = Table("host", "address", "state", "processes", "cut off from", title=f"lab {lab.name}")
    cuts = lab.partitions()
    for host in lab.hosts.values():
        record = host.state()
        words = {name: _word(host.running(name), host.stopped(name)) for name in record.processes}
        power = "[green]up[/]" if host.powered() else "[red]killed[/]"
        both = sorted({b for a, b in cuts if a == host.name and (b, a) in cuts})
        sent = sorted({f"→{b}" for a, b in cuts if a == host.name and (b, a) not in cuts})
        shown = ", ".join(f"{name} {word}" for name, word in words.items())
        table.add_row(host.name, host.address, power, shown, " ".join([*both, *sent]))
    Console().print(table)
    return 0


def _word(running: bool, stopped: bool) -> str:
    return "[yellow]stopped[/]" if stopped else "[green]up[/]" if running else "[red]dead[/]"


def _kill(options: argparse.Namespace) -> int:
    host = _lab(options).host(options.host)
    if options.process:
        host.kill(options.process)
    else:
        host.power_off()
    return 0


def _stop(options: argparse.Namespace) -> int:
    _lab(options).host(options.host).stop(options.process)
    return 0


def _cont(options: argparse.Namespace) -> int:
    _lab(options).host(options.host).cont(options.process)
    return 0


def _start(options: argparse.Namespace) -> int:
    host = _lab(options).host(options.host)
    if options.process:
        host.start(options.process)
    else:
        host.power_on()
    return 0


def _partition(options: argparse.Namespace) -> int:
    _lab(options).partition(options.a, options.b, one_way=options.one_way)
    return 0


def _isolate(options: argparse.Namespace) -> int:
    _lab(options).isolate(options.host)
    return 0


def _heal(options: argparse.Namespace) -> int:
    _lab(options).heal(options.a, options.b)
    return 0


def _logs(options: argparse.Namespace) -> int:
    host = _lab(options).host(options.host)
    wanted = f"{options.process}.log" if options.process else "*.log"
    files = sorted(map(str, host.log.glob(wanted)))
    if not files:
        raise LabError(f"There is no log {wanted} in {host.log}; `status` shows what was started.")
    return subprocess.run(["tail", "-n", "+1", *(["-F"] if options.follow else []), *files], check=False).returncode


def _mysql(options: argparse.Namespace) -> int:
    argv = parts.mysql().mysql("--no-defaults", "--user=root", f"--socket={services.SOCKET}")
    _replace(_lab(options).host(options.host).entry(argv))


def _exec(options: argparse.Namespace) -> int:
    _replace(_lab(options).host(options.host).entry(options.argv))


def _replace(argv: list[str]) -> NoReturn:
    os.execvp(argv[0], argv)  # noqa: S606
