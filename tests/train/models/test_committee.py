from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.models import NETWORKS, build, summarise
from neurograsp.train.models.committee import combine, members_of


def noise(n: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(n, 20, 4, 1)).astype(np.float32)


@pytest.mark.slow
def test_its_logits_are_the_sum_of_its_members() -> None:
    """Of every network that there is, twice the first."""
    names = ["eegnet", *(name for name in NETWORKS if name != "committee")]
    model = build("committee", 20, 4, 3, members=[{"name": name} for name in names])
    members = members_of(model)
    assert [member.name for member in members] == names
    x = noise(5)
    alone = [member(x).numpy() for member in members]
    assert model(x).numpy() == pytest.approx(sum(alone), abs=1e-5)
    assert not np.allclose(alone[0], alone[names.index("eegnet", 1)])
    for name, member in zip(names, members, strict=True):
        likewise = build(name, 20, 4, 3)
        assert summarise(member) == summarise(likewise)
        likewise.set_weights(member.get_weights())
        assert likewise(x).numpy() == pytest.approx(member(x).numpy(), abs=1e-5)
    assert members_of(build("eegnet", 20, 4, 3)) == []


@pytest.mark.parametrize("output", ["softmax", "sigmoid"])
def test_combined_members_count_alike(output: Any) -> None:
    """However large the logits of one are, and whatever a softmax does not see of them."""
    names = ["eegnet", "article_lstm", "temporal_context"]
    model = build("committee", 20, 4, 3, members=[{"name": name} for name in names])
    members, x = members_of(model), noise(200)
    large = members[1].layers[-1]
    large.set_weights([50 * weight for weight in large.get_weights()])
    before = [member(x).numpy() for member in members]
    if output == "softmax":
        shifted = members[0].layers[-1]
        kernel, bias = shifted.get_weights()
        shifted.set_weights([kernel, bias + 7])
    combine(members, [member(x).numpy() for member in members], output)

    def spread(logits: Any) -> float:
        """Of the differences between logits where only those mean something."""
        told = logits - logits.mean(axis=1, keepdims=True) if output == "softmax" else logits
        return float(np.sqrt(told.var(axis=0).mean()))

    spreads = [spread(one) for one in before]
    assert spreads[1] > 10 * max(spreads[0], spreads[2])
    wanted = np.mean(spreads) * sum(one / own for one, own in zip(before, spreads, strict=True)) / 3
    found = model(x).numpy()
    if output == "softmax":
        found, wanted = (one - one[:, :1] for one in (found, wanted))
    assert found == pytest.approx(wanted, rel=1e-3, abs=1e-3 * np.abs(wanted).max())


def test_counts() -> None:
    names = ["band_power", "eegnet", "eegnet"]
    parts = [summarise(build(name, 80, 64, 2)) for name in names]
    whole = summarise(build("committee", 80, 64, 2, members=[{"name": name} for name in names]))
    assert whole.parameters == sum(part.parameters for part in parts)
    assert whole.macs == sum(part.macs for part in parts)
    default = summarise(build("committee", 80, 64, 2))
    assert (default.parameters, default.macs) == (8_865, 450_432)


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ([{"name": "eegnet"}], "1 members, name two or more"),
        (["eegnet", "eegnet"], r"member 'eegnet': write \{ name"),
        ([{"name": "eegnet"}, {"head": "mean"}], r"member \{'head': 'mean'\}: write"),
        ([{"name": "eegnet"}, {"name": "committee"}], "a committee is no member"),
        ([{"name": "eegnet"}, {"name": "eegnett"}], "did you mean 'eegnet'"),
        ([{"name": "eegnet"}, {"name": "eegnet", "heat": "mean"}], "did you mean 'head'"),
        ({"name": "eegnet"}, "members is .* committee wants"),
    ],
)
def test_impossible_members_are_refused(members: Any, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build("committee", 20, 4, 2, members=members)
