"""A plugin of pytest that reports a line for each test."""

import os

import pytest


@pytest.hookimpl
def pytest_runtest_logreport(report):
    if report.passed and report.when != "call":
        return
    _write(report.outcome, report.nodeid, str(report.longrepr or "") if report.failed else "")


@pytest.hookimpl
def pytest_collectreport(report):
    if report.failed:
        _write("failed", report.nodeid, str(report.longrepr))


@pytest.hookimpl
def pytest_sessionfinish(session, exitstatus):
    # Not where the session was given up: then tests are missing.
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    with open(os.environ["SUITE_REPORT"], "a", encoding="utf-8") as report:
        report.write("end\n")


def _write(outcome, test, complaint):
    # The traceback's end says what was wrong.
    words = " ".join(complaint.split())[-600:]
    with open(os.environ["SUITE_REPORT"], "a", encoding="utf-8") as report:
        report.write(f"{outcome}\t{' '.join(test.split())}\t{words}\n")
