"""A network that reads the docs: it starts from ln(vocabulary), learns, and is resumed exactly."""

from __future__ import annotations

from pathlib import Path

import characters
import numpy as np
import pytest
from characters import Setup, Text
from training import Plan, Trained

import symgrad as sg
from symgrad import nn

SMALL = Setup(hidden=32, embedding=12, window=16, batch=32, rate=0.02)
STEPS = 200


@pytest.fixture(scope="module")
def text() -> Text:
    return characters.encoded(characters.docs_text())


@pytest.fixture(scope="module")
def trained(text: Text) -> Trained:
    return characters.learn(text, SMALL, Plan(STEPS, quiet=True))


def test_the_text_is_the_docs_and_comes_back_but_for_rare_signs(text: Text) -> None:
    read = "".join(text.vocabulary[n] for n in text.codes)
    original = characters.docs_text()

    assert len(original) == len(read) > 50_000
    assert "gradient" in read
    assert sum(a != b for a, b in zip(original, read, strict=True)) < 0.02 * len(read)


def test_who_knows_more_guesses_better() -> None:
    nothing, often, before = characters.entropies(Text(np.array([0, 1, 2] * 50 + [0]), "abc"))

    assert pytest.approx(np.log(3)) == nothing
    assert pytest.approx(np.log(3), abs=1e-3) == often
    assert pytest.approx(0, abs=1e-9) == before


def test_the_first_loss_is_that_of_knowing_nothing(text: Text, trained: Trained) -> None:
    assert pytest.approx(np.log(len(text.vocabulary)), rel=0.01) == trained.losses[0]


def test_the_loss_falls_below_that_of_knowing_how_often_each_occurs(
    text: Text, trained: Trained
) -> None:
    assert trained.losses[-20:].mean() < characters.entropies(text)[1] - 0.5


@pytest.mark.slow
def test_the_loss_falls_below_that_of_knowing_what_came_before(text: Text) -> None:
    losses = characters.learn(text, Setup(), Plan(600, quiet=True)).losses

    assert losses[-50:].mean() < characters.entropies(text)[2]


def test_a_network_that_was_stopped_goes_on_to_the_same_curve(
    text: Text, trained: Trained, tmp_path: Path
) -> None:
    plans = [Plan(n, out=tmp_path, resume=n > 5, quiet=True) for n in (5, 12)]
    *_, parts = [characters.learn(text, SMALL, plan) for plan in plans]

    assert trained.losses[:12].tolist() == parts.losses.tolist()


def test_it_writes_characters_of_the_docs_the_same_ones_each_time(
    text: Text, trained: Trained
) -> None:
    once, again, other = (
        characters.written(trained.parameters, text, "The ", 40, seed) for seed in (1, 1, 2)
    )

    assert once == again != other
    assert once.startswith("The ")
    assert 44 == len(once)
    assert set(once) <= set(text.vocabulary)


def test_the_gradient_through_time_passes_its_check() -> None:
    tiny = Setup(hidden=3, embedding=2, window=4, batch=2)
    text = Text(np.array([0, 1, 2, 3, 2, 1, 0, 3, 1, 2, 2, 0]), "abcd")
    rng = np.random.default_rng(0)
    parameters, inputs, scores, _ = characters.network()
    start = characters.start(tiny, 4, rng)
    at = {name: w + 0.3 * rng.normal(size=w.shape) for name, w in start.items()}
    read, h, c, follows = characters.windows(text, tiny)(0, rng)
    loss = nn.cross_entropy(scores, sg.tensor("follows", "T", "B"))
    given = {**at, "read": read, "h": h, "c": c, "follows": follows}
    report = sg.check_grad(loss, given, parameters)

    assert report
    assert max(report.error.values()) < 1e-5
    assert len(inputs) == 3
