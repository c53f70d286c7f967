"""What takes long to import is imported without looking for garbage and without certificates, and all is as before after it."""

import json
import subprocess
import sys

PROGRAM = """
import gc, json, os, sys
from embedded_services.common.importing import importing

os.environ["SSL_CERT_FILE"] = "/mine"
before = dict(os.environ)
with importing():
    collected = gc.isenabled()
    import aiohttp.connector, httpx
known = aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()
left_out = {"rich", "click", "httpx._main"} & set(sys.modules)
assert not left_out, left_out
told = [collected, gc.isenabled(), gc.get_freeze_count() > 0, known["x509"], dict(os.environ) == before]
try:
    with importing():
        raise ImportError
except ImportError:
    told += [gc.isenabled(), dict(os.environ) == before]
json.dump(told, sys.stdout)
"""


def test_imports_are_lean_and_leave_everything_as_it_was() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True).stdout
    assert json.loads(told) == [False, True, True, 0, True, True, True]
