"""The copied command is what was sent, whatever characters are in it, and does not give the token away."""

import asyncio
import shlex

from hypothesis import given
from hypothesis import strategies as st

from app.core.console import Outgoing
from app.panels.requests.curl import curl

GATEWAY = "http://127.0.0.1:3000"
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40)


def arguments(command: str) -> list[str]:
    return shlex.split(command.replace(" \\\n  ", " "))  # shlex does not know of continued lines


def test_get_needs_no_method() -> None:
    assert arguments(curl(Outgoing("GET", "/api/x?a=[1]"), GATEWAY)) == [
        "curl", "-i", "--globoff", "--path-as-is", f"{GATEWAY}/api/x?a=[1]",
    ]  # fmt: skip


def test_method_body_and_headers_are_there() -> None:
    request = Outgoing("PATCH", "/x", (("X-A", "it's"), ("X-Empty", "")), b'{"a": "it\'s $HOME `x`"}')
    assert arguments(curl(request, GATEWAY))[5:] == [
        "--request", "PATCH", "--header", "X-A: it's", "--header", "X-Empty;",
        "--data-raw", '{"a": "it\'s $HOME `x`"}',
    ]  # fmt: skip
    assert "--head" in arguments(curl(Outgoing("HEAD", "/x"), GATEWAY))
    assert "--request" not in curl(Outgoing("POST", "/x", body=b"a"), GATEWAY)
    assert "--request POST" in curl(Outgoing("POST", "/x"), GATEWAY)


def test_token_stays_out_unless_it_is_asked_for() -> None:
    request = Outgoing("GET", "/x", (("authorization", "Bearer s3cret"), ("Cookie", "id=s3cret")))
    hidden = curl(request, GATEWAY)
    assert "s3cret" not in hidden
    assert '"authorization: Bearer $TOKEN"' in hidden
    assert '"Cookie: $TOKEN"' in hidden
    assert "authorization: Bearer s3cret" in arguments(curl(request, GATEWAY, with_token=True))


@given(texts, texts)
def test_any_text_survives_quoting(value: str, body: str) -> None:
    request = Outgoing("POST", "/x", (("X-A", value),), body.encode())
    found = arguments(curl(request, GATEWAY))
    assert found[found.index("--header") + 1] == f"X-A: {value}"
    assert found[found.index("--data-raw") + 1] == body


async def test_shell_reads_it_as_it_was_meant() -> None:
    """With the real shell, which expands `$TOKEN` and nothing else."""
    body = "a 'b' \"c\" $HOME `id` \\ \n ! * é"
    command = curl(Outgoing("POST", "/x?a=$b", (("Authorization", "Bearer x"),), body.encode()), GATEWAY)
    script = f"TOKEN=mine; curl() {{ printf '%s\\0' \"$@\"; }}\n{command}"
    shell = await asyncio.create_subprocess_exec("sh", "-c", script, stdout=asyncio.subprocess.PIPE)
    out, _ = await shell.communicate()
    said = out.decode().split("\0")
    assert said[3] == f"{GATEWAY}/x?a=$b"
    assert "Authorization: Bearer mine" in said
    assert body in said
