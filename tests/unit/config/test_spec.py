import pickle

from hypothesis import given
from hypothesis import strategies as st

from mlgym_core.config.spec import ExperimentSpec, canonical_hash

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), VALUES), st.randoms())
def test_the_hash_is_blind_to_key_order(config: dict[str, object], random: object) -> None:
    keys = list(config)
    random.shuffle(keys)  # type: ignore[attr-defined]
    assert canonical_hash({key: config[key] for key in keys}) == canonical_hash(config)


def test_the_hash_sees_list_order_types_and_values() -> None:
    different = [{"a": [1, 2]}, {"a": [2, 1]}, {"a": [1.0, 2]}, {"a": [True, 2]}, {"a": "[1, 2]"}, {"b": [1, 2]}]
    assert len({canonical_hash(each) for each in different}) == len(different)


def test_the_hash_of_a_configuration_never_changes() -> None:
    config = {"model": {"use": "mlp", "sizes": [64, 10]}, "optimizer": {"lr": 1e-05}, "name": "ü"}
    assert canonical_hash(config) == "81728438c5c7f9cade5a9a402b7fb450ce13b4d61457006d6f335391e5ab1ef8"


def test_a_specification_crosses_to_other_processes() -> None:
    spec = ExperimentSpec(experiment_id=3, config={"a": 1}, config_hash="x", choices={"a": 1}, search_path="here")
    assert pickle.loads(pickle.dumps(spec)) == spec
