"""`python3 -m embedded_services`: runs the whole system without a window.

The main thread starts the forkserver before anything heavy is imported: the forkserver dies with this thread, and
loads the children's imports while this process loads its own. Children import this module again (under another
name), so nothing may happen at import.
"""

import sys


def main() -> int:
    from embedded_services.setup.ensure import ensure

    ensure("run", "embedded_services", sys.argv[1:], held=True)

    from embedded_services.control.stop import StopRequest

    stop = StopRequest()

    import os

    os.umask(0o077)  # databases and logs are nobody else's business

    from embedded_services.control.options import parse

    options = parse(sys.argv[1:])

    from embedded_services.control.forkserver import prepare

    context = prepare()

    from embedded_services.common.importing import importing

    with importing():
        from embedded_services.control.bootstrap import run

    code = run(options, context, stop)
    stop.finish()
    return code


if __name__ == "__main__":
    sys.exit(main())
