"""`python3 -m app`: opens the window.

Nothing heavy is imported before the environment is known to be right, and nothing of Qt before the system is known
to have what Qt needs: Qt itself would end the process without a word that helps.
"""

import sys


def main() -> int:
    from embedded_services.setup.ensure import ensure

    ensure("window", "app", sys.argv[1:])

    from app.core.options import parse

    options = parse(sys.argv[1:])

    from app.core.display import what_is_missing

    missing = what_is_missing()
    if missing:
        sys.stderr.write("faultdeck: " + missing + "\n")
        return 1

    from app.bootstrap import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main())
