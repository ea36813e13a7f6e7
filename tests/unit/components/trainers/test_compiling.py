from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters
from torch._inductor import config as inductor

from mlgym_core.components.data.loaders import batches
from mlgym_core.errors import BuildError

from .conftest import DATA, made

pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # of torch's own imports


@pytest.fixture(autouse=True)
def _nothing_compiled_before(tmp_path, monkeypatch) -> None:
    torch.compiler.reset()
    counters.clear()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))


def small() -> nn.Module:
    """A model that is compiled without a C++ compiler: all of it are calls of torch's own kernels."""
    torch.manual_seed(0)
    return nn.Linear(4, 3, bias=False)


def test_a_compiled_model_learns_goes_on_to_the_same_bits_and_keeps_its_names(make_trainer) -> None:
    settings = {"compile": True, "loaders": batches({"train": DATA}, 4, 0)}
    whole = make_trainer(model=small(), **settings)
    for batch in whole.train_epoch(0):
        if batch == 3:
            half = made(whole)
    assert counters["stats"]["unique_graphs"] == 2  # one for full batches, one for the last, which is smaller

    torch.compiler.reset()  # as in another process
    other = make_trainer(model=small(), **settings)
    other.load_resources(half.__getitem__)
    list(other.train_epoch(0, first_batch=4))

    assert made(other) == made(whole)
    assert half["model.safetensors"] != made(whole)["model.safetensors"]
    assert list(whole._model.state_dict()) == ["weight"]


def test_where_there_is_no_compiler_it_is_said(make_trainer, monkeypatch) -> None:
    monkeypatch.setattr(inductor.cpp, "cxx", (None, "/no/compiler"))
    trainer = make_trainer(model=nn.Sequential(nn.Linear(4, 3), nn.GELU()), compile=True)

    with pytest.raises(BuildError, match=r"model Sequential cannot be compiled: .*No working C.. compiler") as info:
        next(trainer.train_epoch(0))
    assert info.value.code == "MG346"
    assert "trainer.compile: false" in str(info.value.hint)
