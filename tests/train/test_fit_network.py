"""A committee is fitted member by member; every other network as a whole."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_fit import OPTIONS, windows

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.train.fit import FitHistory, fit, predict_logits
from neurograsp.train.fit_network import fit_network, refit_network
from neurograsp.train.models import build
from neurograsp.train.models.committee import members_of
from neurograsp.train.report.learning import learning_section
from neurograsp.train.run_files import read_history

SMALL = {"name": "eegnet", "filters": 4, "mixed_filters": 4}
LINEAR = {"name": "band_power"}
QUICK = replace(OPTIONS, epochs=3)


def committee(*members: dict[str, Any]) -> Any:
    return build("committee", 16, 4, 3, members=list(members), seed=5)


@pytest.mark.long
def test_members_are_fitted_as_if_alone() -> None:
    """Each is what descent makes of it by itself, its last layer multiplied by its share."""
    train, validation = windows(100, 0), windows(50, 1)
    told: list[tuple[int, int]] = []
    whole = committee(LINEAR, SMALL)
    history = fit_network(
        whole, train, validation, QUICK, "softmax", lambda epoch, epochs, _: told.append((epoch, epochs))
    )
    assert told == [(epoch, 6) for epoch in range(1, 7)]
    assert len(history.members) == 2
    assert history.kept == tuple(member.best_epoch for member in history.members)
    assert whole.trainable_weights == []
    alone = members_of(committee(LINEAR, SMALL))
    for number in range(2):
        own = fit(alone[number], train, validation, replace(QUICK, seed=number), "softmax")
        assert own == history.members[number]
        *body, kernel, bias = alone[number].get_weights()
        *fitted, scaled_kernel, scaled_bias = members_of(whole)[number].get_weights()
        assert all(np.array_equal(a, b) for a, b in zip(body, fitted, strict=True))
        shares = np.concatenate([(scaled_kernel / kernel).ravel(), scaled_bias / bias])
        assert np.ptp(shares) < 1e-4 * shares[0]
        assert shares[0] > 0
    logits = [predict_logits(member, train.x) for member in members_of(whole)]
    spreads = [(one - one.mean(axis=1, keepdims=True)).var(axis=0).mean() for one in logits]
    assert spreads[0] == pytest.approx(spreads[1], rel=1e-3)


@pytest.mark.long
def test_a_refit_goes_the_way_of_the_fit() -> None:
    train, validation = windows(100, 0), windows(50, 1)
    chosen, again = (committee(SMALL, LINEAR) for _ in range(2))
    history = fit_network(chosen, train, validation, QUICK, "softmax")
    told: list[tuple[int, int]] = []
    refit_network(
        again, train, QUICK, "softmax", history.kept, lambda epoch, epochs, _: told.append((epoch, epochs))
    )
    assert all(np.array_equal(a, b) for a, b in zip(chosen.get_weights(), again.get_weights(), strict=True))
    assert again.trainable_weights == []
    assert len(told) == sum(history.kept)


@pytest.mark.long
def test_another_network_is_fitted_as_a_whole() -> None:
    train, validation = windows(100, 0), windows(50, 1)
    one, two = build("eegnet", 16, 4, 3, filters=4), build("eegnet", 16, 4, 3, filters=4)
    history = fit_network(one, train, validation, QUICK, "sigmoid")
    assert history == fit(two, train, validation, QUICK, "sigmoid")
    assert history.kept == (history.best_epoch,)
    assert one.trainable_weights


def test_no_epochs_leave_a_committee_as_it_is() -> None:
    model = committee(LINEAR, SMALL)
    before = model.get_weights()
    history = fit_network(model, windows(20, 0), windows(20, 1), replace(OPTIONS, epochs=0), "softmax")
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert history.kept == (0, 0)
    assert model.trainable_weights == []


def test_windows_of_another_shape_are_refused() -> None:
    other = build("committee", 20, 4, 3)
    with pytest.raises(ConfigError, match="training windows"):
        fit_network(other, windows(10, 0), windows(10, 1), OPTIONS, "softmax")
    with pytest.raises(ConfigError, match="training windows"):
        refit_network(other, windows(10, 0), OPTIONS, "softmax", [1, 1])


EPOCH = {"loss": 0.5, "val_loss": 1.0, "val_auc": 0.75, "learning_rate": 0.0}
CURVE = FitHistory([EPOCH] * 3, 2, True)


def test_history_of_members(tmp_path: Path) -> None:
    odd = FitHistory([{**EPOCH, "val_auc": math.nan}], 1, False)
    tree = FitHistory(members=[odd, CURVE]).to_json()
    (tmp_path / "history.json").write_text(json.dumps(tree, allow_nan=False))
    found = read_history(tmp_path)
    assert math.isnan(found.members[0].epochs[0]["val_auc"])
    assert (found.members[1], found.kept) == (CURVE, (1, 2))
    page = "".join(learning_section(FitHistory(members=[FitHistory(), CURVE])))
    assert "each trained on its own" in page
    assert "no epoch of training" in page
    assert page.count("<img") == 1
    assert "Kept: the weights of epoch 2" in page


TWO_DEEP = FitHistory(members=[FitHistory(members=[CURVE])]).to_json()["members"]


@pytest.mark.parametrize("members", [3, [{"epochs": []}], TWO_DEEP])
def test_a_damaged_history_of_members_is_refused(members: Any, tmp_path: Path) -> None:
    (tmp_path / "history.json").write_text(json.dumps({**CURVE.to_json(), "members": members}))
    with pytest.raises(ConfigError, match=r"history\.json: (members|best_epoch)"):
        read_history(tmp_path)
