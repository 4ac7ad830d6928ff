"""`python -m companion.data`: list, install, locate and check the sets that the book works with."""

import argparse
import signal
import sys
from collections.abc import Sequence

from companion.data import carriers


def main(
    arguments: Sequence[str] | None = None, *, program: str = "python -m companion.data"
) -> int:
    """Run one command.

    Args:
        arguments: what follows the program's name; by default this process's own.
        program: how the help calls the program.

    Returns:
        0 when all is well, 1 when a set is missing, damaged or could not be installed; a wrong
        command line or an unknown set ends in 2.
    """
    parser = _parser(program)
    options = parser.parse_args(arguments)
    command = options.command or "list"
    unknown = [name for name in getattr(options, "names", []) if name not in carriers.CARRIERS]
    if unknown:
        parser.error(f"no set is called {unknown[0]!r}; there are: {', '.join(carriers.CARRIERS)}")
    if command == "list":
        return _list()
    if command == "path":
        return _path(options.names[0])
    names = list(dict.fromkeys(options.names)) or list(carriers.CARRIERS)
    if command == "verify":
        return _verify(names)
    if options.quiet and not options.force:
        names = [name for name in names if not carriers.folder(carriers.get(name)).is_dir()]
    return _install(names, force=options.force)


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="show every set: content, sizes, licence (the default)")
    install = commands.add_parser("install", help="install the named sets, or all of them")
    install.add_argument("--force", action="store_true", help="install again what is there")
    install.add_argument(
        "--quiet", action="store_true", help="do not mention what is there already"
    )
    install.add_argument("names", nargs="*", metavar="NAME")
    path = commands.add_parser("path", help="print the folder of an installed set")
    path.add_argument("names", nargs=1, metavar="NAME")
    verify = commands.add_parser("verify", help="compare every file with what was published")
    verify.add_argument("names", nargs="*", metavar="NAME")
    return parser


def _list() -> int:
    for carrier in carriers.CARRIERS.values():
        state = "installed" if carriers.folder(carrier).is_dir() else "not installed"
        download, disk = carrier.download_bytes / 1e6, carrier.installed_bytes / 1e6
        print(f"{carrier.name:<12} {state:<14} {download:4.0f} MB download, {disk:4.0f} MB on disk")
        print(f"    {carrier.what}")
        print(f"    {carrier.project} {carrier.version}; {carrier.licence}")
    print(f"\ndata home: {carriers.data_home()}")
    return 0


def _path(name: str) -> int:
    try:
        print(carriers.path(name))
    except FileNotFoundError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _install(names: list[str], *, force: bool) -> int:
    from companion.data import installer

    for name in names:
        try:
            installer.install(carriers.get(name), force=force)
        except installer.InstallError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
    return 0


def _verify(names: list[str]) -> int:
    from companion.data import integrity

    sound = True
    for name in names:
        carrier = carriers.get(name)
        folder = carriers.folder(carrier)
        faults = integrity.find_faults(carrier, folder) if folder.is_dir() else ["not installed"]
        if not faults:
            print(f"{name}: every file is as published in {carrier.project} {carrier.version}")
            continue
        sound = False
        for fault in faults:
            print(f"{name}: {fault}")
        again = "" if faults == ["not installed"] else "--force "
        print(f"{name}: cure: python -m companion.data install {again}{name}")
    return 0 if sound else 1


def _run() -> int:
    # A polite kill unwinds the installer, which stops pip and clears its staging folder.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return main()
    except KeyboardInterrupt:
        print("\ninterrupted: the set in progress is not installed", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(_run())
