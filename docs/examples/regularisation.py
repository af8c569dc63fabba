"""Second lesson: do not shrink the net, raise λ.

Twenty hidden neurons learn the same hundred points under λ = 0.001, 0.01 and 0.1.

    python docs/examples/regularisation.py   # writes docs/figures/regularisation.svg
"""

from __future__ import annotations

from lesson import Fit, draw, fits, table

NEURONS = 20
DECAYS = 0.001, 0.01, 0.1


def results() -> list[Fit]:
    """Return the three fits."""
    return fits([(NEURONS, decay) for decay in DECAYS])


def main() -> None:
    """Print the numbers and draw the figure."""
    found = results()
    print(table(found))
    draw("regularisation", found, "λ = {f.decay:g}")


if __name__ == "__main__":
    main()
