"""Does at import all that a module must not, so that the check can be seen to notice."""

import logging
import os
import socket
import subprocess
import sys
import threading

THREAD = threading.Thread(target=threading.Event().wait, name="effect", daemon=True)
THREAD.start()
PROCESS = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
SOCKET = socket.socket()
logging.getLogger().addHandler(logging.NullHandler())
os.environ["EFFECT"] = "yes"
