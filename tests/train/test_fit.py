import json
import math
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from toys import lazy

from neurograsp.edge_runtime.contract.errors import ConfigError
from neurograsp.edge_runtime.decoder_scores import macro_auc, one_against_rest
from neurograsp.train.fit import FitOptions, action_weights, fit, predict_logits, refit
from neurograsp.train.models import build
from neurograsp.train.window_set import WindowSet

OPTIONS = FitOptions(epochs=15, batch_size=32, learning_rate=1e-2)


def windows(n: int, seed: int) -> WindowSet:
    """Three actions, each a bump in a channel of its own."""
    rng = np.random.default_rng(seed)
    action = rng.integers(3, size=n)
    bump = 30 * np.hanning(16)[None, :, None] * np.eye(4)[action][:, None]
    x = np.clip(np.rint(rng.normal(0, 10, (n, 16, 4)) + bump), -128, 127).astype(np.int8)
    return WindowSet(lazy(x), np.eye(3, dtype=np.float32)[action])


@pytest.mark.parametrize("output", ["softmax", pytest.param("sigmoid", marks=pytest.mark.long)])
def test_learns_and_repeats(output: Literal["softmax", "sigmoid"]) -> None:
    train, validation, test = windows(300, 0), windows(100, 1), windows(100, 2)
    weights = []
    seen: list[tuple[int, int, dict[str, float]]] = []
    for _ in range(2):
        model = build("eegnet", 16, 4, 3, filters=8, mixed_filters=8, dropout=0.1)
        seen.clear()
        history = fit(model, train, validation, OPTIONS, output, lambda *told: seen.append(told))
        weights.append(model.get_weights())
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))
    assert seen == [(i, 15, figures) for i, figures in enumerate(history.epochs, 1)]
    logits = predict_logits(model, test.x)
    assert (logits.argmax(axis=1) == test.y.argmax(axis=1)).mean() > 0.9
    best = history.epochs[history.best_epoch - 1]
    assert best["val_loss"] == min(epoch["val_loss"] for epoch in history.epochs)
    scores = one_against_rest(predict_logits(model, validation.x), output)
    assert macro_auc(validation.y, scores) == pytest.approx(best["val_auc"])


@pytest.mark.long
def test_changed_windows_repeat_too() -> None:
    options = replace(OPTIONS, epochs=3, scaling=0.2, channel_dropout=0.2)
    train, validation = windows(100, 0), windows(50, 1)
    losses = []
    for changed in (options, options, replace(options, channel_dropout=0.0)):
        history = fit(build("eegnet", 16, 4, 3, filters=4), train, validation, changed, "softmax")
        losses.append([epoch["loss"] for epoch in history.epochs])
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.long
def test_a_refit_goes_the_way_of_the_fit() -> None:
    """On the same windows the best epoch comes out again; the windows that validated are learnt from."""
    train, validation = windows(100, 0), windows(50, 1)
    chosen, again, everything = (build("eegnet", 16, 4, 3, filters=4) for _ in range(3))
    best = fit(chosen, train, validation, OPTIONS, "softmax").best_epoch
    assert best > 1
    told: list[tuple[int, int]] = []
    refit(again, train, OPTIONS, "softmax", best, lambda epoch, total, figures: told.append((epoch, total)))
    assert all(np.array_equal(a, b) for a, b in zip(chosen.get_weights(), again.get_weights(), strict=True))
    assert told == [(epoch, best) for epoch in range(1, best + 1)]
    refit(everything, validation, OPTIONS, "softmax", best)
    assert not np.array_equal(everything.get_weights()[0], again.get_weights()[0])
    with pytest.raises(ConfigError, match="0 training windows"):
        refit(again, windows(0, 0), OPTIONS, "softmax", best)


@pytest.mark.long
def test_balance_finds_the_rare_action() -> None:
    """Of two actions that look much alike the common one is not always the answer."""
    rng = np.random.default_rng(0)
    action = (rng.random(400) < 0.1).astype(int)
    x = np.clip(np.rint(rng.normal(0, 16, (400, 16, 2)) + 4 * action[:, None, None]), -128, 127)
    made = WindowSet(lazy(x.astype(np.int8)), np.eye(2, dtype=np.float32)[action])
    found = {}
    for balance in (True, False):
        model = build("eegnet", 16, 2, 2, filters=4)
        fit(model, made, made, replace(OPTIONS, epochs=5, balance=balance), "softmax")
        found[balance] = (predict_logits(model, made.x).argmax(axis=1) == 1)[action == 1].mean()
    assert found[True] > 0.5 > found[False] + 0.2


def test_stops_when_the_patience_runs_out() -> None:
    train = windows(64, 0)
    rng = np.random.default_rng(0)
    shuffled = WindowSet(train.x, rng.permutation(train.y))
    options = FitOptions(epochs=30, batch_size=64, learning_rate=1e-2, patience=2)
    history = fit(build("eegnet", 16, 4, 3, filters=4), train, shuffled, options, "softmax")
    assert history.stopped_early
    assert len(history.epochs) == history.best_epoch + 2
    plain = history.to_json()
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_a_fit_that_diverges_is_no_result() -> None:
    model = build("eegnet", 16, 4, 3, seed=0, filters=4, mixed_filters=4)
    with pytest.raises(ConfigError, match="never a number; lower fit.learning_rate"):
        fit(model, windows(64, 0), windows(64, 1), FitOptions(epochs=2, learning_rate=1e30), "softmax")


def test_weights_balance_the_actions() -> None:
    y = np.eye(2, dtype=np.float32)[[0, 0, 0, 1]]
    for_softmax = action_weights(y, "softmax", balance=True)
    assert for_softmax[1] * y.sum(axis=0) == pytest.approx([2, 2])
    for_sigmoid = action_weights(y, "sigmoid", balance=True)
    assert for_sigmoid[1] * y.sum(axis=0) == pytest.approx(for_sigmoid[0] * (1 - y).sum(axis=0))
    assert (action_weights(y, "sigmoid", balance=False) == 1).all()
    soft = np.array([[0.75, 0.25], [1, 0]] * 4, np.float32)
    assert action_weights(soft, "softmax", balance=True)[1] == pytest.approx([0.5 / 0.875, 0.5 / 0.125])


def test_bad_input_is_refused() -> None:
    model = build("eegnet", 16, 4, 3, filters=4)
    train = windows(10, 0)
    none = WindowSet(lazy(train.x[:0]), train.y[:0])
    with pytest.raises(ConfigError, match="0 validation windows"):
        fit(model, train, none, OPTIONS, "softmax")
    shorter = WindowSet(lazy(train.x[:][:, :8]), train.y)
    with pytest.raises(ConfigError, match="training windows"):
        fit(model, shorter, train, OPTIONS, "softmax")
    with pytest.raises(ConfigError, match="epochs is -1"):
        FitOptions(epochs=-1)
    with pytest.raises(ConfigError, match="noise is nan"):
        FitOptions(noise=math.nan)
    with pytest.raises(ConfigError, match="channel_dropout is 1.0, make it less than 1"):
        FitOptions(channel_dropout=1.0)
    with pytest.raises(ConfigError, match="shift is -1"):
        FitOptions(shift=-1)
    with pytest.raises(ConfigError, match="choose loss or auc"):
        FitOptions(monitor="accuracy")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"x": lazy(np.zeros((2, 3, 4)))}, "x is float64"),
        ({"y": np.zeros((2, 3), np.int64)}, "y is int64"),
        ({"y": np.full((2, 3), 1.5, np.float32)}, "not within 0 to 1"),
        ({"y": np.zeros((3, 3), np.float32)}, "2 windows and 3 targets"),
    ],
)
def test_window_sets_are_checked(change: dict[str, Any], text: str) -> None:
    good: dict[str, Any] = {
        "x": lazy(np.zeros((2, 3, 4), np.int8)),
        "y": np.zeros((2, 3), np.float32),
    }
    with pytest.raises(ConfigError, match=text):
        WindowSet(**{**good, **change})
