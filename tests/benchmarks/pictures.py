"""How long a picture takes: `python tests/benchmarks/pictures.py`; the aim is 300 nodes in 1 s."""

from __future__ import annotations

import random
import time

import symgrad as sg

FORMS = ("{a} + {b}", "{a}*{b}", "sin({a})", "tanh({a})", "max({a}, {b})", "{a} - {b}", "{a}*0.5")


def tangled(count: int, seed: int = 4) -> str:
    """Return a formula of about `count` nodes that read one another at random."""
    rng = random.Random(seed)
    names, lines, read = [f"x{k}" for k in range(12)], [], set()
    for k in range(count - 12):
        a = names[-1 - min(len(names) - 1, int(rng.expovariate(1 / 4)))]
        b = names[-1 - min(len(names) - 1, int(rng.expovariate(1 / 12)))]
        form = rng.choice(FORMS)
        lines.append(f"t{k} = {form.format(a=a, b=b)}")
        read |= {a, b} if "{b}" in form else {a}
        names.append(f"t{k}")
    return "; ".join([*lines, "f = " + " + ".join(n for n in names if n not in read)])


def chained(count: int) -> str:
    """Return a chain in which every second gate reads the one input again."""
    steps = [f"t{k} = sin(t{k - 1})*x" for k in range(1, count // 2)]
    return "; ".join(["t0 = sin(x)", *steps])


def main() -> None:
    """Print a row a graph: nodes, crossings, seconds of the processor, size."""
    print(f"{'graph':10}{'nodes':>7}{'crossings':>11}{'seconds':>9}{'kB':>6}")
    for name, text in (
        ("tangled", tangled(46)),
        ("tangled", tangled(230)),
        ("tangled", tangled(460)),
        ("chained", chained(300)),
    ):
        at = {str(symbol): 0.5 for symbol in sg.graph(text).inputs}
        start = time.process_time()
        picture = sg.draw(text, at)
        size = len(picture.svg) // 1000
        spent = time.process_time() - start
        print(f"{name:10}{len(picture.gates):7}{picture.scene.crossings:11}{spent:9.2f}{size:6}")


if __name__ == "__main__":
    main()
