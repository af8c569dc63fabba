"""The command: `symgrad run | grad | diff | check | stats | compile | explain | ... EXPR`.

Exit code 0 is success, 1 a gradient check that failed, 2 input that cannot be used. Wrong input
ends in a message, never in a traceback.
"""

from symgrad.cli import commands as _commands
from symgrad.cli import pages as _pages
from symgrad.cli import pictures as _pictures
from symgrad.cli import sights as _sights
from symgrad.cli.options import main

COMMANDS = (_commands, _pages, _pictures, _sights)  # modules that add commands when they load

__all__ = ["main"]
