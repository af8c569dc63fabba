"""The three lessons: their numbers, and that their figures are drawn the same way each time."""

from __future__ import annotations

import itertools
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import capacity
import digits
import figures
import lesson
import numpy as np
import pytest
import regularisation
import spiral_regions
from lesson import GRID, RADIUS, Fit, boundary_length, examples, grid, table

import symgrad as sg

NEEDS = 'needs the extra: pip install "symgrad[examples]"'


@pytest.fixture(scope="module")
def by_neurons() -> list[Fit]:
    return capacity.results()


@pytest.fixture(scope="module")
def by_decay() -> list[Fit]:
    return regularisation.results()


def rises(numbers: list[float]) -> bool:
    return sorted(numbers) == numbers


# --- capacity ---


def test_more_hidden_neurons_get_more_of_the_seen_points_right(by_neurons: list[Fit]) -> None:
    seen = [fit.seen for fit in by_neurons]

    assert (3, 6, 20) == tuple(fit.hidden for fit in by_neurons)
    assert rises(seen)
    assert seen[0] <= 0.85
    assert seen[-1] >= 0.95


def test_more_hidden_neurons_draw_a_longer_boundary(by_neurons: list[Fit]) -> None:
    lengths = [fit.boundary for fit in by_neurons]

    assert rises(lengths)
    assert lengths[-1] > 1.5 * lengths[0]


def test_twenty_neurons_without_regularisation_remember_wrong_labels(by_neurons: list[Fit]) -> None:
    largest = by_neurons[-1]

    assert largest.seen - largest.unseen > 0.1
    assert abs(by_neurons[0].seen - by_neurons[0].unseen) < 0.06


# --- regularisation ---


def test_a_larger_lambda_shortens_the_weights_and_the_boundary(by_decay: list[Fit]) -> None:
    assert (0.001, 0.01, 0.1) == tuple(fit.decay for fit in by_decay)
    assert {20} == {fit.hidden for fit in by_decay}
    for falling in ("norm", "boundary", "seen"):
        assert rises([-getattr(fit, falling) for fit in by_decay])
    assert by_decay[0].norm > 5 * by_decay[2].norm


def test_lambda_does_more_for_unseen_points_than_a_smaller_net(
    by_neurons: list[Fit], by_decay: list[Fit]
) -> None:
    regular = by_decay[1].unseen

    assert regular > 0.87
    assert regular > max(fit.unseen for fit in by_neurons) + 0.01
    assert regular > max(by_decay[0].unseen, by_decay[2].unseen) + 0.01


def test_the_table_has_a_row_for_each_fit(by_decay: list[Fit]) -> None:
    rows = table(by_decay).splitlines()

    assert ["20", "20", "20"] == [row.split()[0] for row in rows[1:]]
    assert ["0.001", "0.01", "0.1"] == [row.split()[1] for row in rows[1:]]


def test_the_length_of_a_straight_boundary_is_its_length() -> None:
    surface = grid()[:, 0].reshape(GRID, GRID) - 0.01

    assert pytest.approx(2 * RADIUS, rel=0.02) == boundary_length(surface)


def test_eight_in_a_hundred_labels_are_wrong() -> None:
    (X, labels), (others, truth) = examples()
    angle = np.arctan2(X[:, 1], X[:, 0])
    right = np.hypot(*X.T) / RADIUS < 0.6 + 0.22 * np.sin(3 * angle)

    assert 4 <= np.sum(right != labels) <= 12
    assert (4000, 2) == others.shape
    assert {0, 1} == set(truth)


# --- data-driven approaches ---

TEST = [[56, 32, 10, 18], [90, 23, 128, 133], [24, 26, 178, 200], [2, 0, 255, 220]]
SEEN = [[10, 20, 24, 17], [8, 10, 89, 100], [12, 16, 178, 170], [4, 32, 233, 112]]


def test_the_distances_of_the_lecture_pictures() -> None:
    a, b = sg.tensor("a", 4, 4), sg.tensor("b", 4, 4)
    at = {"a": TEST, "b": SEEN}

    assert 456 == sg.evaluate(sg.sum(sg.map("abs", a - b)), at)
    assert pytest.approx(162.1110730, rel=1e-9) == sg.evaluate(sg.norm(a - b), at)


def test_the_nearest_neighbour_keeps_everything_and_the_linear_classifier_ten_templates() -> None:
    pytest.importorskip("sklearn", reason=NEEDS)
    import templates

    neighbour, classifier = templates.nearest(), templates.linear()

    assert neighbour.accuracy >= 0.98
    assert 0.94 <= classifier.accuracy < neighbour.accuracy
    assert (1437 * 64, 650) == (neighbour.kept, classifier.kept)
    assert (10, 8, 8) == classifier.learned.shape


def test_a_template_likes_the_mean_of_its_class_most() -> None:
    pytest.importorskip("sklearn", reason=NEEDS)
    import templates

    (X, labels), _ = digits.digits()
    means = np.stack([X[labels == k].mean(axis=0) for k in range(10)])
    liked = means @ templates.linear().learned.reshape(10, 64).T

    assert list(range(10)) == liked.argmax(axis=0).tolist()


# --- the page ---


def rows_of(page: str, first: str) -> list[list[float]]:
    """Return the numbers of the rows of the table whose header begins with some words."""
    lines = page[page.index(f"| {first}") :].splitlines()
    table_rows = itertools.takewhile(lambda line: line.startswith("|"), lines)
    return [[float(x) for x in re.findall(r"[\d.]+", row)] for row in list(table_rows)[2:]]


@pytest.mark.parametrize("kind", ["by_neurons", "by_decay"])
def test_the_page_tells_the_numbers_of_the_fits(
    kind: str, request: pytest.FixtureRequest, examples_folder: Path
) -> None:
    page = (examples_folder.parent / "walk/07-three-lessons.md").read_text(encoding="utf-8")
    fits: list[Fit] = request.getfixturevalue(kind)
    told = rows_of(page, "hidden neurons" if kind == "by_neurons" else "λ")

    for fit, (knob, seen, unseen, norm, boundary) in zip(fits, told, strict=True):
        assert knob in (fit.hidden, fit.decay)
        assert pytest.approx([seen, unseen], abs=3) == [100 * fit.seen, 100 * fit.unseen]
        assert pytest.approx([norm, boundary], rel=0.15) == [fit.norm, fit.boundary]


# --- the figures ---


def drawn(main: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(figures, "FOLDER", folder / "docs" / "figures")
    main()
    (path,) = (folder / "docs" / "figures").iterdir()
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("script", [regularisation, spiral_regions], ids=lambda s: s.__name__)
def test_a_figure_is_the_same_file_each_time(
    script: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason=NEEDS)
    monkeypatch.setattr("lesson.STEPS", 20)
    monkeypatch.setattr("spiral_regions.STEPS", (20, 20))
    once, again = (drawn(script.main, tmp_path / n, monkeypatch) for n in ("once", "again"))

    assert once == again
    ET.fromstring(once)


@pytest.mark.parametrize("name", ["capacity", "regularisation", "spiral", "templates"])
def test_the_figures_in_the_docs_are_whole_and_small(name: str) -> None:
    path = figures.FOLDER / f"{name}.svg"

    assert "{http://www.w3.org/2000/svg}svg" == ET.parse(path).getroot().tag
    assert path.stat().st_size < 150_000


NEEDED = {
    "sklearn.datasets": lambda: digits.digits(),
    "matplotlib": lambda: lesson.draw("unused", [], ""),
}


@pytest.mark.parametrize("package", NEEDED)
def test_a_missing_package_is_named_with_the_way_to_get_it(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(SystemExit, match=r'pip install "symgrad\[examples\]"'):
        NEEDED[package]()
