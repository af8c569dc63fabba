"""First lesson: more hidden neurons draw a more winding boundary.

Three, six and twenty neurons learn the same hundred points, almost without regularisation.

    python docs/examples/capacity.py   # writes docs/figures/capacity.svg
"""

from __future__ import annotations

from lesson import Fit, draw, fits, table

DECAY = 1e-5
NEURONS = 3, 6, 20


def results() -> list[Fit]:
    """Return the three fits."""
    return fits([(hidden, DECAY) for hidden in NEURONS])


def main() -> None:
    """Print the numbers and draw the figure."""
    found = results()
    print(table(found))
    draw("capacity", found, "{f.hidden} hidden neurons")


if __name__ == "__main__":
    main()
