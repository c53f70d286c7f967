"""What a virtual display shows, read from its framebuffer: the display and its programs notice nothing of it."""

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

_HEADER = struct.Struct(">25I")
_SIZE, _BYTES_PER_LINE, _COLORS = 0, 12, 19
_COLOR_BYTES = 12
_RGB = 0xFFFFFF
_OPAQUE = 0xFF000000


class Screen:
    """`folder` is what `virtual_display` was given. Colours are 0xRRGGBB."""

    def __init__(self, folder: Path) -> None:
        with (folder / "Xvfb_screen0").open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = _HEADER.unpack_from(self._map)
        self._stride = header[_BYTES_PER_LINE] // 4
        start = header[_SIZE] + header[_COLORS] * _COLOR_BYTES
        self._bytes = memoryview(self._map)
        self._pixels = self._bytes[start:].cast("I")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pixels.release()
        self._bytes.release()
        self._map.close()

    def color(self, x: int, y: int) -> int:
        pixel: int = self._pixels[y * self._stride + x]
        return pixel & _RGB

    def lines_with(self, color: int, left: int, top: int, right: int, bottom: int) -> Iterator[int]:
        """The lines of a region in which a colour occurs, from the top."""
        for y in range(top, bottom):
            line = self._pixels[y * self._stride + left : y * self._stride + right].tolist()
            if color in line or color | _OPAQUE in line:
                yield y
