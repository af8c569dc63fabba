"""What pictures ask of others: PNG from a rasteriser (the extra `png`), a layout from `dot`.

The fonts beside this file are DejaVu Sans, cut down to the letters and signs that pictures use, so
that a PNG looks the same on a machine without fonts; their licence lies with them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from symgrad.errors import UnsupportedError

FONTS = Path(__file__).parent / "fonts"
PATIENCE = 60  # seconds that `dot` may take
LARGEST = 16_000  # pixels of a PNG's longer side


def png(svg: str, size: tuple[float, float], scale: float) -> bytes:
    """Return an SVG of one theme as the bytes of a PNG.

    Parameters
    ----------
    svg : str
        A picture without a style sheet.
    size : (width, height)
        Of the picture, in its own pixels.
    scale : float
        Pixels of the PNG for each of them; less where the picture would be too large.

    Raises
    ------
    UnsupportedError
        If the rasteriser is not installed.
    """
    try:
        import resvg_py
    except ImportError as error:
        raise UnsupportedError(
            "a PNG is asked for, but `resvg-py`, which paints it, is not installed; "
            "`pip install symgrad[png]`, or save an .svg"
        ) from error
    plain = svg.isascii() or all(ord(c) < 0x2600 for c in svg)
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=svg,
            zoom=min(scale, LARGEST / max(size)),
            font_files=[str(FONTS / "DejaVuSans.ttf"), str(FONTS / "DejaVuSans-Bold.ttf")],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
            skip_system_fonts=plain,  # asked for letters of other writings alone
        )
    )


def dot_svg(source: str) -> str:
    """Return DOT as SVG, placed by Graphviz's own `dot`.

    Raises
    ------
    UnsupportedError
        If `dot` is not installed, takes too long, or refuses.
    """
    program = shutil.which("dot")
    if program is None:
        raise UnsupportedError(
            'layout="dot" is asked for, but the program `dot` is not installed; install Graphviz, '
            'or use layout="own", which needs no program'
        )
    try:
        done = subprocess.run(
            [program, "-Tsvg"],
            input=source.encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
    except subprocess.TimeoutExpired as error:
        raise UnsupportedError(
            f'`dot` took more than {PATIENCE} s; draw fewer nodes, or use layout="own"'
        ) from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace")[:200]
        raise UnsupportedError(f"`dot` refused the graph: {said}") from error
    return done.stdout.decode()
