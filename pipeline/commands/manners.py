"""What all commands have in common: where examples stand, and how a command ends."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import traceback
from typing import TYPE_CHECKING, Final, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from pipeline.blame import end_on
from pipeline.exit_status import ExitStatus

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["run", "tree"]

_PRINTERS: Final = frozenset({"typer", "click", "rich"})
_EXAMPLES: Final = re.compile(r"\n\s*\n[ ]*(?=Examples?:)")


def tree(app: typer.Typer) -> TyperCommand | TyperGroup:
    """All commands, each with the examples of its docstring at the end of its help.

    A docstring says what a command does, and then ``Examples:``, one command a line; on a screen
    the examples belong below the options, where the reader's eye ends up.

    Args:
        app: With all commands.

    Returns:
        The root; call it to run the command line.
    """
    root = get_command(app)
    assert isinstance(root, TyperCommand | TyperGroup)
    _lay_out(root)
    return root


def run(app: typer.Typer) -> None:
    """Run the command line, and end as docs/cli.md says whatever happens.

    Bad input and files that can't be read or written end with a message and exit status 2, Ctrl-C
    with 130, SIGTERM with 143, a closed terminal with 129 (but not under nohup), and a closed pipe
    (``batchscope models | head -1``) quietly; none of them with a traceback.

    Args:
        app: With all commands.
    """
    signal.signal(signal.SIGTERM, _end_stopped)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, _end_stopped)
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that can't show η shows a question
            stream.reconfigure(errors="replace")
    try:
        try:
            tree(app)(color=False if os.environ.get("NO_COLOR") else None)
        finally:
            sys.stdout.flush()
    except ValueError as problem:
        end_on(problem)
    except KeyboardInterrupt:
        sys.exit(ExitStatus.INTERRUPTED)
    except BrokenPipeError:
        _forget_output()
        sys.exit(ExitStatus.PROBLEM)
    except OSError as problem:
        from pipeline.study.guard import end_on_file

        if not isinstance(problem.filename, str | bytes) and _of_output(problem):
            problem.filename = "the output"
        _forget_output()
        end_on_file(problem)


def _open_closed() -> None:
    """Let what was closed (``>&-``) come from and go to nowhere.

    Python has None in its place, and the next file to be opened would get its number, and with it
    whatever a library or a child writes there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
            setattr(sys, name, open(descriptor, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


def _of_output(problem: OSError) -> bool:
    """Whether it is the output that can't be written to: whoever prints tried to, no other did."""
    *_, (frame, _) = traceback.walk_tb(problem.__traceback__)
    name = str(frame.f_globals.get("__name__", ""))
    return name == __name__ or name.partition(".")[0] in _PRINTERS


def _forget_output() -> None:
    """The interpreter flushes once more as it ends, and would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _lay_out(command: TyperCommand | TyperGroup) -> None:
    """Examples last, and paragraphs without the source's line breaks, a screen having its own."""
    if command.help and not command.epilog:
        text, *examples = _EXAMPLES.split(command.help, maxsplit=1)
        paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
        command.help, command.epilog = "\n\n".join(paragraphs), "".join(examples) or None
    if isinstance(command, TyperGroup):
        for inner in command.commands.values():
            if isinstance(inner, TyperCommand | TyperGroup):
                _lay_out(inner)


def _end_stopped(signum: int, frame: FrameType | None) -> NoReturn:
    """Unwind the stack, so that whoever holds a lock or a worker lets go of it."""
    del frame
    if signum == signal.SIGHUP:
        from pipeline.study.guard import unheard

        unheard()
    sys.exit(ExitStatus(128 + signum))
