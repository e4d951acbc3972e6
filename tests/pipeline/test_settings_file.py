"""Every way to get params.yaml wrong is refused with key, value, line and remedy."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pipeline.settings import Settings
from pipeline.settings_file import Override, SettingsError, load_settings
from tests.pipeline.bad_values import BAD_VALUES

DEFAULT = (Path(__file__).parents[2] / "params.yaml").read_text(encoding="utf-8")
ONE_FOLDER = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def _tree() -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(DEFAULT)


def _dumped(tree: object) -> str:
    stream = io.StringIO()
    YAML().dump(tree, stream)
    return stream.getvalue()


def _load(folder: Path, text: str | bytes) -> Settings:
    path = folder / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(path)


def _refusal(folder: Path, text: str | bytes) -> list[str]:
    """The lines of the refusal, without the folder."""
    with pytest.raises(SettingsError) as refused:
        _load(folder, text)
    return str(refused.value).replace(f"{folder}/", "").split("\n")


def _key_paths(tree: dict[str, Any], above: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    paths: list[tuple[str, ...]] = []
    for key, value in tree.items():
        paths.append((*above, key))
        if isinstance(value, dict):
            paths += _key_paths(value, (*above, key))
    return paths


def test_the_default_study_loads(tmp_path: Path) -> None:
    loaded = _load(tmp_path, DEFAULT)
    assert loaded.sweep.batch_sizes == (1, 4, 16, 64, 256, "full")
    assert loaded.sweep.goals.hardest == 0.05
    assert loaded.tracking.uri is None


@pytest.mark.parametrize(
    ("old", "new", "values"),
    [
        ("race: 4.0", "race: off", {"race": "off"}),
        ("race: 4.0", "race: 4", {"race": 4.0}),
        ("replicates: 3 ", "replicates: 5_00 ", {"replicates": 500}),
        ("batch_sizes: [1, 4, 16, 64, 256, full]", "batch_sizes: &b [64]", {"batch_sizes": (64,)}),
    ],
)
def test_other_ways_to_write_it(
    tmp_path: Path, old: str, new: str, values: dict[str, object]
) -> None:
    sweep = _load(tmp_path, DEFAULT.replace(old, new, 1)).sweep
    assert {name: getattr(sweep, name) for name in values} == values


def test_an_exponent_without_a_dot_is_a_number(tmp_path: Path) -> None:
    assert _load(tmp_path, DEFAULT.replace("0.003", "1e-3")).sweep.learning_rates.low == 0.001


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = b"\xef\xbb\xbf" + DEFAULT.replace("\n", "\r\n").encode()
    assert _load(tmp_path, text) == _load(tmp_path, DEFAULT)


@pytest.mark.parametrize(("old", "new", "complaint"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_values_are_refused(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    text = DEFAULT.replace(old, new, 1)
    assert text != DEFAULT, "the default study no longer holds what this case edits"
    at = text.index(new) + new.rfind("\n") + 1
    line = text[:at].count("\n") + 1
    refusal = _refusal(tmp_path, text)
    assert len(refusal) == 1
    complaint = complaint.replace("ABOVE", str(line - 1))
    assert refusal[0].startswith(f"params.yaml:{line}: {complaint}")


def test_a_grid_and_its_search_lay_out_learning_rates_alone(tmp_path: Path) -> None:
    several = "hyperparameters: {momentum: {low: 0.0, high: 0.95, log: false}} "
    design, search = _refusal(tmp_path, DEFAULT.replace("hyperparameters: {} ", several, 1))
    assert design.endswith(
        "sweep.hyperparameters is {momentum: {low: 0.0, high: 0.95, log: false}}: the design is a "
        "grid, which lays out learning rates alone; make design sobol"
    )
    assert search.endswith(
        "sweep.search.sampler is zoom: it lays out learning rates alone, and sweep.hyperparameters "
        "has others; write gp"
    )


def test_an_empty_branch_names_its_keys(tmp_path: Path) -> None:
    text = re.sub(r"analysis:\n.*\n", "analysis:\n", DEFAULT)
    line = text[: text.index("\nanalysis:")].count("\n") + 2
    assert _refusal(tmp_path, text) == [
        f"params.yaml:{line}: analysis is empty: it must be a branch with the keys confidence; "
        "indent its keys below it"
    ]


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("", ["params.yaml:1: the file is empty; it must have the keys data, models, sweep,"]),
        ("# nothing\n", ["params.yaml:1: the file is empty; "]),
        ("- a\n", ["params.yaml:1: the file is no branch; it must have the keys data, models,"]),
        ("digits", ["params.yaml:1: the file is no branch; "]),
        ("data: [1,\n  2", ["params.yaml:2: column 4: this is not YAML: while parsing a flow"]),
        ("data:\n\tdataset: x", ["params.yaml:2: column 1: this is not YAML: while scanning"]),
        ("a: *b", ["params.yaml:1: column 4: this is not YAML: found undefined alias"]),
        ("a: 1\n---\nb: 2", ["params.yaml:2: column 1: this is not YAML: expected a single"]),
        (b"a: 1\n\xff\xfe", ["params.yaml:2: this is not text; save it as UTF-8"]),
        (b"\x00\x01\x02", ["params.yaml:1: this is not YAML: unacceptable character #x0000"]),
        ("[" * 5000, ["params.yaml:1: values are nested too deeply; flatten them"]),
    ],
    ids=["empty", "comment", "list", "word", "open", "tab", "alias", "two", "latin", "nul", "deep"],
)
def test_files_that_are_no_settings(
    tmp_path: Path, text: str | bytes, complaints: list[str]
) -> None:
    refusal = _refusal(tmp_path, text)
    assert [line[: len(start)] for line, start in zip(refusal, complaints, strict=True)] == (
        complaints
    )


def test_missing_and_unreadable_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nope\.yaml: there is no such file; run from the"):
        load_settings(tmp_path / "nope.yaml")
    with pytest.raises(SettingsError, match="make it a readable text file"):
        load_settings(tmp_path)


def test_an_alias_inside_itself_is_refused(tmp_path: Path) -> None:
    refusal = _refusal(tmp_path, DEFAULT.replace("[mlp, dense, local, conv, lenet]", "&m [*m]"))
    number = DEFAULT[: DEFAULT.index("models:")].count("\n") + 1
    assert [line.partition(";")[0] for line in refusal] == [
        f"params.yaml:{number}: models[0] is &m [*m]: it must be text"
    ]


def test_batch_sizes_must_fit_the_subset(tmp_path: Path) -> None:
    (refusal,) = _refusal(tmp_path, DEFAULT.replace("examples: all ", "examples: 300 "))
    assert "sweep.batch_sizes[4] is 256: the training split has 224 examples" in refusal


def test_places_are_tried_in_turn(tmp_path: Path) -> None:
    def places(source: str) -> tuple[str, ...]:
        text = DEFAULT.replace("dataset: digits", "dataset: fashion_mnist")
        return _load(tmp_path, text.replace("source: null", f"source: {source}")).data.places

    assert places("null") == ()
    assert places("~/data") == ("~/data",)
    assert places("[https://example.org/x, ../data]") == ("https://example.org/x", "../data")


def test_all_problems_come_at_once_in_the_order_of_lines(tmp_path: Path) -> None:
    text = DEFAULT
    for old, new in [
        ("levels: [0.10, 0.07, 0.05]", 'levels: [0.10, "0.07", 0]'),
        ("experiment: batchscope", "experiment: /"),
        ("dataset: digits", "dataset: nothing"),
        ("  optimiser: sgd ", "  # optimiser: sgd"),
        ("  seed: 0 ", "  seed: 0\n  seed: 0.5 #"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    refusal = _refusal(tmp_path, text)
    keys = [line.split(" ")[1] for line in refusal]
    assert keys == [
        "data.dataset",
        "sweep.goals.levels[1]",
        "sweep.goals.levels[2]",
        "training.optimiser",
        "training.seed",
        "training.seed",
        "tracking.experiment",
    ]
    numbers = [int(line.split(":")[1]) for line in refusal]
    assert numbers == sorted(numbers)


def test_settings_that_disagree_are_all_named(tmp_path: Path) -> None:
    text = DEFAULT.replace("256, full]", "256, 4]").replace("nesterov: false", "nesterov: true")
    assert [line.split(" ")[1] for line in _refusal(tmp_path, text)] == [
        "sweep.batch_sizes[5]",
        "training.nesterov",
    ]


def test_momentum_is_not_searched_where_the_rule_has_none(tmp_path: Path) -> None:
    text = DEFAULT
    for old, new in [
        ("design: grid ", "design: random "),
        ("hyperparameters: {} ", "hyperparameters: {momentum: {low: 0.0, high: 0.9, log: false}} "),
        ("sampler: zoom ", "sampler: gp "),
        ("optimiser: sgd ", "optimiser: adamw "),
    ]:
        text = text.replace(old, new, 1)
    [line] = _refusal(tmp_path, text)
    assert line.endswith(
        "sweep.hyperparameters.momentum is {low: 0.0, high: 0.9, log: false}: training.optimiser "
        "is adamw, which has none; remove it, or make optimiser sgd"
    )


@pytest.mark.parametrize("path", _key_paths(_tree()), ids=".".join)
def test_a_missing_key_is_named_with_its_branch(tmp_path: Path, path: tuple[str, ...]) -> None:
    tree = YAML().load(DEFAULT)
    branch = tree
    for key in path[:-1]:
        branch = branch[key]
    del branch[path[-1]]
    text = _dumped(tree)
    refusal = _refusal(tmp_path, text)
    start = re.search(rf"^ *{path[-2]}:", text, re.MULTILINE) if path[1:] else None
    line = text[: start.start()].count("\n") + 1 if start else 1
    assert len(refusal) == 1
    assert refusal[0].startswith(
        f"params.yaml:{line}: {'.'.join(path)} is missing; add `{path[-1]}:"
    )


@ONE_FOLDER
@given(data=st.data())
def test_legal_settings_survive_a_round_trip(tmp_path: Path, data: st.DataObject) -> None:
    tree = _tree()
    low = data.draw(st.floats(1e-12, 1e5))
    high = low * data.draw(st.floats(1.01, 10))
    tree["sweep"]["learning_rates"] = {
        "low": low,
        "high": high,
        "points": data.draw(st.integers(2, 99)),
    }
    sizes = data.draw(st.sets(st.integers(1, 1346), min_size=1)) | {"full"}
    tree["sweep"]["batch_sizes"] = list(sizes)
    tree["confirm"]["reference_batch_size"] = data.draw(st.sampled_from(list(sizes)))
    tree["sweep"]["race"] = data.draw(st.floats(1, 1e9) | st.just("off"))
    tree["tracking"]["uri"] = data.draw(st.none() | st.text("abc:/%").map("http://{}".format))
    loaded = _load(tmp_path, _dumped(tree))
    assert loaded == Settings.model_validate(tree)
    assert _load(tmp_path, _dumped(loaded.model_dump(mode="json"))) == loaded


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a1.-: \n'\"#{", max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner),
    max_leaves=5,
)


@ONE_FOLDER
@given(path=st.sampled_from(_key_paths(_tree())), junk=JUNK)
def test_junk_is_refused_by_key_or_is_legal(
    tmp_path: Path, path: tuple[str, ...], junk: object
) -> None:
    tree = _tree()
    branch = tree
    for key in path[:-1]:
        branch = branch[key]
    branch[path[-1]] = junk
    try:
        _load(tmp_path, _dumped(tree))
    except SettingsError as refused:
        for line in str(refused).replace(f"{tmp_path}/", "").split("\n"):
            assert re.match(r"params\.yaml:\d+: [a-z_.]+(\[\d+\])?.* is .*; ", line), line


@pytest.mark.parametrize(
    ("dataset", "model", "fault"),
    [
        ("noisy_quadratic", "mlp", "mlp: it is made for classification, and the data"),
        ("digits", "noisy_quadratic", "noisy_quadratic: it is made for noisy quadratic"),
    ],
)
def test_a_network_and_a_data_set_that_do_not_fit_are_refused(
    dataset: str, model: str, fault: str
) -> None:
    changes = [
        Override(("data", "dataset"), dataset, "--set"),
        Override(("models",), f"[{model}]", "--set"),
    ]
    with pytest.raises(SettingsError) as refused:
        load_settings(Path(__file__).parents[2] / "params.yaml", changes)
    assert fault in str(refused.value)
    assert "choose " in str(refused.value)
