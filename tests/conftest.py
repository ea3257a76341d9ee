"""What all tests share. Under CI=true nothing may be skipped."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: tests run two at a time

from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

torch.set_num_threads(1)


def refuse_skip(report):
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped under CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    return refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    return refuse_skip((yield))
