from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pipeline.settings_edit import edited, write_settings
from pipeline.settings_file import load_settings

ROOT = Path(__file__).parents[2]
SOURCE = (ROOT / "params.yaml").read_text()
STACKED, OVERRIDES = ("training", "kernel", "stacked_up_to"), ("training", "kernel", "overrides")


def test_only_the_value_changes_and_its_comment_keeps_its_column() -> None:
    after = edited(SOURCE, {STACKED: 1024, OVERRIDES: {"lenet": 16}}).splitlines()
    changed = [(a, b) for a, b in zip(SOURCE.splitlines(), after, strict=True) if a != b]
    assert [b.split("#")[0].strip() for _, b in changed] == [
        "stacked_up_to: 1024", "overrides: {lenet: 16}",
    ]  # fmt: skip
    assert all(a.index("#") == b.index("#") for a, b in changed)
    assert all(a.split("#")[1] == b.split("#")[1] for a, b in changed)


def test_no_change_is_no_change() -> None:
    assert edited(SOURCE, {STACKED: 64, OVERRIDES: {}}) == SOURCE


def test_a_block_is_replaced_and_what_follows_stays() -> None:
    source = "kernel:\n  overrides:\n    lenet: 16  # small\n    mlp: 4\n  # next\n  width: 8\n"
    after = edited(source, {("kernel", "overrides"): {"conv": 1}})
    assert YAML(typ="safe").load(after) == {"kernel": {"overrides": {"conv": 1}, "width": 8}}
    assert "# next" in after


def test_a_name_that_needs_quotes_gets_them() -> None:
    after = edited(SOURCE, {OVERRIDES: {"mynets.wide:wide": 4, "on": 1}})
    assert YAML(typ="safe").load(after)["training"]["kernel"]["overrides"] == {
        "mynets.wide:wide": 4, "on": 1,
    }  # fmt: skip


def test_a_place_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match=r"training\.kernels is not in the file"):
        edited(SOURCE, {("training", "kernels", "x"): 1})


def test_what_the_settings_would_refuse_is_not_written(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(SOURCE)
    with pytest.raises(ValueError, match=r"params\.yaml:\d+: training\.cohort_width is 1"):
        write_settings(params, {("training", "cohort_width"): 1})
    assert params.read_text() == SOURCE
    assert list(tmp_path.iterdir()) == [params]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(SOURCE)
    write_settings(params, {STACKED: 0, OVERRIDES: {"conv": 256}, ("training", "cohort_width"): 8})
    training = load_settings(params).training
    assert (training.kernel.threshold("mlp"), training.kernel.threshold("conv")) == (0, 256)
    assert training.cohort_width == 8


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(0.001, 1e6), st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(VALUES)
def test_any_value_is_read_back_as_it_was(value: object) -> None:
    source = "a: {x: 1}  # first\nb: [1, 2]\n"
    read = YAML(typ="safe", pure=True).load(edited(source, {("a",): value}))
    assert read == {"a": value, "b": [1, 2]}
