"""A recurrent network reads this project's own docs, letter by letter, and learns to write on.

One embedding, one LSTM, one affine layer. At first every character is as likely as any other, so
the loss is ln(vocabulary); then it learns how often each occurs, then what follows what.

    python docs/examples/characters.py            # some minutes; Ctrl-C stops and saves
    python docs/examples/characters.py --resume   # goes on
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from curve import curve_svg
from optimisers import Adam
from training import Plan, Task, Trained, clipped, launch, plan_from, train

import symgrad as sg
from symgrad import nn

Array = np.ndarray
DOCS = Path(__file__).resolve().parents[1]
RARE = 20  # characters that occur less often are all one
UNKNOWN = "\N{REPLACEMENT CHARACTER}"
GUESSES = "knowing nothing", "knowing how often each occurs", "knowing what came before"
CLIP = 5.0


@dataclass(frozen=True)
class Setup:
    """Sizes of the network, of a window of text and of a batch of windows, and the rate."""

    hidden: int = 96
    embedding: int = 24
    window: int = 48
    batch: int = 24
    rate: float = 5e-3


@dataclass(frozen=True)
class Text:
    """Text as numbers (n,), and the character of each number."""

    codes: Array
    vocabulary: str

    @property
    def digest(self) -> str:
        """A fingerprint of the text: a run is not continued on another one."""
        return hashlib.sha256(self.codes.tobytes()).hexdigest()[:16]


# --- the text ---


def docs_text() -> str:
    """Return every page of the docs, one after the other."""
    return "\n".join(p.read_text(encoding="utf-8") for p in sorted(DOCS.rglob("*.md")))


def encoded(text: str) -> Text:
    """Return the text as numbers; what is rare becomes one sign."""
    often = sorted(c for c, n in Counter(text).items() if n >= RARE and c != UNKNOWN)
    number = {c: k for k, c in enumerate([UNKNOWN, *often])}
    return Text(np.array([number.get(c, 0) for c in text]), "".join(number))


def entropies(text: Text) -> tuple[float, float, float]:
    """Return the loss in nats a character of three who guess, in the order of `GUESSES`."""
    size = len(text.vocabulary)
    pairs = np.zeros((size, size))
    np.add.at(pairs, (text.codes[:-1], text.codes[1:]), 1)
    joint, alone = pairs / pairs.sum(), pairs.sum(axis=1) / pairs.sum()
    one = -np.sum(alone[alone > 0] * np.log(alone[alone > 0]))
    both = -np.sum(joint[joint > 0] * np.log(joint[joint > 0]))
    return float(np.log(size)), float(one), float(both - one)


def windows(text: Text, setup: Setup) -> Callable[..., Sequence[Array]]:
    """Return batches of windows from anywhere, time first, and of what follows each character."""
    span = np.arange(setup.window)[:, None]  # (T, 1)

    def batch(step: int, rng: np.random.Generator) -> Sequence[Array]:
        at = span + rng.integers(len(text.codes) - setup.window, size=setup.batch)  # (T, B)
        zeros = np.zeros((setup.batch, setup.hidden))
        return text.codes[at], zeros, zeros, text.codes[at + 1]

    return batch


# --- the network ---


def start(setup: Setup, vocabulary: int, rng: np.random.Generator) -> dict[str, Array]:
    """Return parameters; forget gates begin open."""
    H, E = setup.hidden, setup.embedding
    bias = np.zeros(4 * H)
    bias[H : 2 * H] = 1
    return {
        "table": rng.normal(size=(vocabulary, E)) * 0.3,
        "w_ih": rng.normal(size=(4 * H, E)) / np.sqrt(E),
        "w_hh": rng.normal(size=(4 * H, H)) / np.sqrt(H),
        "bias": bias,
        "w_out": rng.normal(size=(vocabulary, H)) * 0.01,
        "b_out": np.zeros(vocabulary),
    }


def network() -> tuple[list[Any], list[Any], Any, Any]:
    """Return parameters, inputs (characters (T, B), state h and c), scores, and the last state."""
    V, E, H = "V", "E", "H"
    table, out, b_out = sg.tensor("table", V, E), sg.tensor("w_out", V, H), sg.tensor("b_out", V)
    w_ih, w_hh = sg.tensor("w_ih", 4 * size(H), E), sg.tensor("w_hh", 4 * size(H), H)
    bias = sg.tensor("bias", 4 * size(H))
    read, h, c = sg.tensor("read", "T", "B"), sg.tensor("h", "B", H), sg.tensor("c", "B", H)
    shown, last = nn.lstm(nn.embedding(read, table), h, c, w_ih, w_hh, bias)
    return [table, w_ih, w_hh, bias, out, b_out], [read, h, c], nn.linear(shown, out, b_out), last


def size(name: str) -> Any:
    """Return a size as a symbol, to multiply."""
    return sg.tensor("any", name).shape[0]


def step_function() -> Callable[..., Any]:
    """Return loss and gradients as a function of parameters, characters, state and what follows."""
    parameters, inputs, scores, _ = network()
    follows = sg.tensor("follows", "T", "B")
    loss = nn.cross_entropy(scores, follows)
    return sg.compile(loss, [*parameters, *inputs, follows], wrt=parameters)


def learn(text: Text, setup: Setup, plan: Plan) -> Trained:
    """Train a network from a seed."""
    first = start(setup, len(text.vocabulary), np.random.default_rng(plan.seed))
    settings = {"text": text.digest, "setup": repr(setup), "clip": CLIP}
    function = clipped(step_function(), CLIP)
    return train(Task(first, function, windows(text, setup), settings), Adam(setup.rate), plan)


def written(parameters: Mapping[str, Array], text: Text, begin: str, count: int, seed: int) -> str:
    """Return what the network writes behind `begin`, a character at a time."""
    symbols, inputs, scores, (h, c) = network()
    fn = sg.compile([scores, h, c], [*symbols, *inputs], returns="value")
    rng, numbers = np.random.default_rng(seed), [text.vocabulary.index(ch) for ch in begin]
    state = np.zeros((2, 1, parameters["w_hh"].shape[1]))
    told = numbers
    for _ in range(count):
        found, *state = fn(*parameters.values(), np.array(told)[:, None], *state)
        odds = np.exp(found[-1, 0] - found[-1, 0].max())
        told = [int(rng.choice(len(odds), p=odds / odds.sum()))]
        numbers = numbers + told
    return "".join(text.vocabulary[n] for n in numbers)


def main(argv: Sequence[str] | None = None) -> bool:
    """Train, say how much was learned, and write a few lines."""
    plan = plan_from(__doc__, argv, steps=2000, out="runs/characters")
    text = encoded(docs_text())
    print(f"{len(text.codes):,} characters, {len(text.vocabulary)} of them different")
    levels = dict(zip(GUESSES, entropies(text), strict=True))
    for known, loss in levels.items():
        print(f"{loss:.3f} nats a character by {known}")
    trained = learn(text, Setup(), plan)
    print(f"mean loss of the last 50 steps: {trained.losses[-50:].mean():.3f}")
    if plan.out:
        picture = curve_svg(trained.losses, levels)
        (plan.out / "levels.svg").write_text(picture, encoding="utf-8")
    print(written(trained.parameters, text, "The gradient ", 400, plan.seed))
    return trained.finished


if __name__ == "__main__":
    launch(main)
