"""`python -m companion`: what the book teaches, done on your own pictures and films."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from companion import __version__
from companion.commands import count, detect, faces, segment

VERBS = {
    "faces": (faces, "find faces, and keep a gallery of people: detect, enroll, identify, forget"),
    "detect": (detect, "find people, vehicles and other things in pictures"),
    "segment": (segment, "outline the lungs in chest X-rays"),
    "count": (count, "count who crosses a line in the film of a fixed camera"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb.

    Returns:
        0 when all was done, 1 when something could not be, with the reason on the error output;
        a wrong command line ends in 2.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["data"]:
        from companion.data.__main__ import main as data

        return data(arguments[1:], program="python -m companion data")
    options = _parser().parse_args(arguments)
    try:
        return VERBS[options.command][0].run(options)
    except (ValueError, LookupError, OSError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        said = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"error: {said}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m companion", description=__doc__)
    parser.add_argument("--version", action="version", version=f"companion {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (module, said) in VERBS.items():
        module.add(commands.add_parser(name, help=said, description=said.capitalize() + "."))
    commands.add_parser("data", help="list, install, locate and check the sets and weights")
    return parser


def _run() -> int:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        status = main()
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\ninterrupted: what was printed is done, the rest is not", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever reads our lines has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(_run())
