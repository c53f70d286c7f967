"""`python3 -m app`: opens the window.

Nothing heavy is imported before the environment is known to be right, and nothing of Qt before the system is known
to have what Qt needs: Qt itself would end the process without a word that helps. The control plane is started before
the window is loaded, so that both come up at the same time.
"""

import sys


def main() -> int:
    from embedded_services.setup.ensure import ensure

    ensure("window", "app", sys.argv[1:])

    from app.core.options import parse

    options = parse(sys.argv[1:])
    if options.entry is not None:
        from app import desktop_entry

        return desktop_entry.run(options.entry, options.again)

    from app.core.display import what_is_missing

    missing = what_is_missing()
    if missing:
        sys.stderr.write("faultdeck: " + missing + "\n")
        return 1

    from app.core.first_window import may_be_open

    if may_be_open(options.workspace):
        from app.qt.single_instance import raise_first

        if raise_first(options.workspace):
            sys.stderr.write("faultdeck: a window is open on " + str(options.workspace) + "; it was raised\n")
            return 0

    from app.core.early import start_early

    early = start_early(options.workspace)

    from embedded_services.common.importing import importing

    with importing():
        from app.bootstrap import run

    return run(options, early)


if __name__ == "__main__":
    sys.exit(main())
