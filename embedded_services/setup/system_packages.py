"""Debian packages that a profile needs besides Python's: installed as root on a Debian-like system or when asked to by
`--install-system`, otherwise named in one line that can be pasted. The system itself (`run`) needs none.
"""

import os

from embedded_services.setup.report import SetupError, say

_QT = (
    ("libEGL.so.1", "libegl1"),
    ("libGL.so.1", "libgl1"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libglib-2.0.so.0", "libglib2.0-0"),
    ("libX11-xcb.so.1", "libx11-xcb1"),
    ("libxkbcommon.so.0", "libxkbcommon0"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ("libxcb-icccm.so.4", "libxcb-icccm4"),
    ("libxcb-image.so.0", "libxcb-image0"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    ("libxcb-randr.so.0", "libxcb-randr0"),
    ("libxcb-render-util.so.0", "libxcb-render-util0"),
    ("libxcb-shape.so.0", "libxcb-shape0"),
    ("libxcb-sync.so.1", "libxcb-sync1"),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    ("libxcb-xkb.so.1", "libxcb-xkb1"),
)
"""What Qt's platform plugins are linked against, besides the C library's own."""

_WINDOW = (
    ("libEGL.so.1", "libegl1"),
    ("libGL.so.1", "libgl1"),
    ("libdbus-1.so.3", "libdbus-1-3"),
    ("libfontconfig.so.1", "libfontconfig1"),
    ("libglib-2.0.so.0", "libglib2.0-0"),
    ("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
    ("libxcb-cursor.so.0", "libxcb-cursor0"),
    ("libxcb-icccm.so.4", "libxcb-icccm4"),
    ("libxcb-image.so.0", "libxcb-image0"),
    ("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    ("libxcb-randr.so.0", "libxcb-randr0"),
    ("libxcb-render-util.so.0", "libxcb-render-util0"),
    ("libxcb-shape.so.0", "libxcb-shape0"),
    ("libxcb-sync.so.1", "libxcb-sync1"),
    ("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    ("libxcb-xkb.so.1", "libxcb-xkb1"),
    ("libX11-xcb.so.1", "libx11-xcb1"),
)
"""What Qt's modules and its X11 plugin are linked with and do not bring along."""

_BROKER = (("rabbitmq-server", "rabbitmq-server"), ("node", "nodejs"), ("npm", "npm"))
"""What the embedded broker is compared with, and another language to talk to it in."""

NEEDED: dict[str, tuple[tuple[str, str], ...]] = {
    "window": _WINDOW,
    "tests": (
        *_WINDOW,
        ("Xvfb", "xvfb"),
        ("xdotool", "xdotool"),
        ("desktop-file-validate", "desktop-file-utils"),
        ("gio", "libglib2.0-bin"),
        ("promtool", "prometheus"),
    ),
    "benchmarks": (
        *_WINDOW,
        ("Xvfb", "xvfb"),
        ("wrk", "wrk"),
        ("nginx", "nginx-light"),
        ("caddy", "caddy"),
        *_BROKER,
    ),
}
"""What each profile looks for (a command, or a shared library by its file name), and the package that brings it."""

_SERVICES = {"prometheus": "prometheus.service"}
"""Services that Debian would start with the system, of packages of which only the commands are used."""

OPTION = "--install-system"
_LISTS = "/var/lib/apt/lists"


def provide(profile: str, argv: list[str]) -> None:
    """Install what is missing, or say how. Goes on without it: what cannot do without says so when it gets there."""
    lacking = missing(profile)
    if lacking:
        try:
            install(lacking, f"{profile} use them", argv)
        except SetupError as error:
            say(str(error))


def missing(profile: str) -> list[str]:
    return [package for probe, package in NEEDED.get(profile, ()) if not _is_present(probe)]


def missing_line(profile: str) -> str:
    """One line that names what is missing and how to get it; empty when nothing is."""
    missing = [package for probe, package in NEEDED.get(profile, ()) if not _is_present(probe)]
    if not missing:
        return ""
    return f"missing from this system: {' '.join(missing)}; run: sudo apt-get install -y {' '.join(missing)}"


def install(packages: list[str], reason: str, argv: list[str]) -> None:
    """Raises SetupError with the line to run when this may not install, or with what went wrong."""
    import shutil

    names = " ".join(packages)
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"missing from this system: {names} (Debian's names); {reason}. Install and start again"
        )
    if not root and OPTION not in argv:
        raise SetupError(f"missing from this system ({reason}); run: sudo apt-get install -y {names}")
    say(f"installing {names} with apt-get; {reason}")
    prefix = [] if root else ["sudo"]
    command = [*prefix, "apt-get", "-o", "DPkg::Lock::Timeout=120"]
    add = [*command, "install", "-y", "--no-install-recommends", *packages]
    fresh = not _lists_are_empty()
    said = _run(add) if fresh else "no package lists"
    if said:
        said = _run([*command, "update"]) or _run(add)
    if said:
        raise SetupError(f"apt-get could not install {names}: {said}")
    services = [_SERVICES[package] for package in packages if package in _SERVICES]
    if (
        services
        and shutil.which("systemctl") is not None
        and (said := _run([*prefix, "systemctl", "disable", *services]))
    ):
        say(f"{' '.join(services)} may be started with the system, which nobody here needs: {said}")


def _run(argv: list[str]) -> str:
    """The last line of what went wrong; empty when nothing did. Services that a package brings are not started."""
    import subprocess

    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(
        argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode == 0:
        return ""
    return (done.stdout.strip().splitlines() or [f"status {done.returncode}"])[-1]


def _lists_are_empty() -> bool:
    try:
        return not any("_Packages" in name for name in os.listdir(_LISTS))
    except OSError:
        return True


def _is_present(probe: str) -> bool:
    if ".so" in probe:
        import ctypes

        try:
            ctypes.CDLL(probe)
        except OSError:
            return False
        return True
    import shutil

    return (
        shutil.which(probe, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))
        is not None
    )
