"""Recorded runs: complete, well-formed, and chosen by validation."""

import json

import pytest

from archbook.results import best_lr, load_results, mean_validation_accuracy, select
from tools.experiments import EXPERIMENTS
from tools.record import record
from tools.recording import RESULTS, complete, key, save


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_configuration_has_its_seeds(name):
    runs = load_results(name)
    found = sorted(key(run["config"], run["seed"]) for run in runs)
    experiment = EXPERIMENTS[name]
    wanted = [key(c, s) for c in experiment.configurations for s in experiment.seeds]
    assert found == sorted(wanted)
    epochs = experiment.training["epochs"]
    for run in runs:
        assert run["versions"]["torch"] and run["processor"] and run["cpu_seconds"] > 0
        if run["history"] is None:
            assert run["test"] is None
            continue
        assert all(len(run["history"][k]) == epochs for k in ("train_loss", "seconds"))
        assert 0 <= run["test"]["top1"] <= run["test"]["top5"] <= 1


def test_no_recorded_file_without_an_experiment():
    others = {"dive", "latency", "ruler_costs", "ruler_rates", "ruler"}
    assert {path.stem for path in RESULTS.glob("*.json")} <= {*EXPERIMENTS, *others}


def test_an_unknown_experiment_is_named():
    with pytest.raises(ValueError, match="no recorded runs 'nothing'.*lenet5_1998"):
        load_results("nothing")


def run_of(lr, seed, accuracy):
    history = {"validation_accuracy": [0.1, accuracy]} if accuracy is not None else None
    return {"config": {"lr": lr, "arm": "a"}, "seed": seed, "history": history}


def test_the_rate_is_chosen_by_the_mean_of_validation():
    runs = [run_of(0.1, 0, 0.9), run_of(0.1, 1, None), run_of(0.3, 1, 0.6), run_of(0.3, 0, 0.5)]
    assert mean_validation_accuracy(select(runs, lr=0.1)) == 0.45
    assert best_lr(runs, arm="a") == 0.3
    assert [run["seed"] for run in select(runs, lr=0.3)] == [0, 1]
    with pytest.raises(ValueError, match="no recorded run"):
        best_lr(runs, arm="b")


def test_recording_goes_on_where_it_was(tmp_path, monkeypatch):
    """What is recorded is not run again, and an interruption leaves whole files."""
    monkeypatch.setattr("tools.recording.RESULTS", tmp_path)
    done = load_results("resnet_ten_crop")
    save("resnet_ten_crop", done)
    record("resnet_ten_crop")  # nothing missing: returns at once
    assert json.loads((tmp_path / "resnet_ten_crop.json").read_text()) == done
    assert not list(tmp_path.glob("*.part"))


def test_only_what_is_missing_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.recording.RESULTS", tmp_path)
    save("parts", [{"quotient": [7, 2], "kept": True}])
    wanted = {key([7, 2]): (7, 2), key([9, 4]): (9, 4)}
    found = complete("parts", quotient, wanted, lambda r: key(r["quotient"]))
    assert found == [{"quotient": [7, 2], "kept": True}, {"quotient": [9, 4], "of": 2}]
    assert json.loads((tmp_path / "parts.json").read_text()) == found


def quotient(a, b):
    return {"quotient": [a, b], "of": a // b}
