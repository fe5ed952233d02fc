"""A project of a user's, small and quick, and runs of it as the user would start them."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import places
import programs
import pytest
from programs import Program

from schemabench import cli

PATIENCE_S = 120
"""What a test waits for in a run comes sooner."""
LIMIT_S = 240
"""No run of the project takes longer, however busy the machine is; a test may start several."""
QUICK = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
"""Runs start sooner without plugins that have no part in them."""
STUCK = """
CREATE SEQUENCE asked;
-- name: customer_total
SELECT pg_sleep(CASE WHEN nextval('asked') > 100 THEN 120 ELSE 0 END);
SELECT count(*), sum(amount_cents) FROM orders WHERE customer = :customer::text;
"""
"""A candidate that stands still after half a dozen blocks of 24 calls."""
_STEERING = (
    "SCHEMABENCH_",
    "GITHUB_",  # a step's summary is not for shops
    "CI",  # pytest then cuts nothing in its summary
    "PYTEST_",
    "PYTHONDONTWRITEBYTECODE",
    "PG",
    "COV_",
    "COLUMNS",
    "LINES",
    "FORCE_",
    "PY_",
    "NO_COLOR",
)
_LONG = ("-- name: customer_total\n", "-- name: customer_total\nSELECT pg_sleep(0.05);\n")
_SIZES = ("customers=200, background_orders=500", "customers=20, background_orders=30")


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The starter of `schemabench init`, with less in it."""

    path: Path
    """The project's folder."""
    environment: Mapping[str, str]
    """What its runs find in the environment."""

    @classmethod
    def open(cls, path: Path, environment: Mapping[str, str]) -> "Shop":
        """Write the project into a new folder."""
        with redirect_stdout(StringIO()):
            assert cli.main(["init", str(path)]) == 0
        shop = cls.empty(path, environment)
        shop.change("workloads/orders/__init__.py", *_SIZES)
        return shop

    @classmethod
    def empty(cls, path: Path, environment: Mapping[str, str]) -> "Shop":
        """Return a project without a file of ours in it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
        return cls(path=path, environment={**kept, **environment})

    def write(self, name: str, text: str | bytes) -> Path:
        """Write a file, in place of what was there."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def read(self, name: str) -> str:
        """Return the text of a file."""
        return (self.path / name).read_text(encoding="utf-8")

    def change(self, name: str, old: str, new: str) -> None:
        """Replace a text that a file holds."""
        text = self.read(name)
        assert old in text, f"{name} holds no {old!r}"
        self.write(name, text.replace(old, new))

    def scale_saved(self, factor: float) -> None:
        """Multiply the times of pytest-benchmark's saved run `first`."""
        (path,) = self.path.glob(".benchmarks/*/0001_first.json")
        content = json.loads(path.read_text(encoding="utf-8"))
        for entry in content["benchmarks"]:
            for name in ("min", "max", "mean", "median"):
                entry["stats"][name] *= factor
        path.write_text(json.dumps(content), encoding="utf-8")

    def candidate(self, name: str, more: str, workload: str = "orders") -> Path:
        """Add a candidate: the baseline's schema, and more."""
        baseline = self.read(f"schemas/{workload}/baseline.sql").replace("candidate: baseline", f"candidate: {name}")
        return self.write(f"schemas/{workload}/{name}.sql", baseline + more)

    def add(self, name: str) -> None:
        """Add the like of the first workload, with a test of its own; experiments run in alphabetical order."""
        for source in ("workloads/orders/__init__.py", "workloads/orders/operations.sql", "tests/test_orders.py"):
            text = self.read(source).replace('"orders"', f'"{name}"').replace("test_orders", f"test_{name}")
            self.write(source.replace("orders", name), text)
        for candidate in ("baseline", "without_index"):
            self.write(f"schemas/{name}/{candidate}.sql", self.read(f"schemas/orders/{candidate}.sql"))

    def add_long(self, name: str) -> None:
        """Add the like of the first workload whose experiment takes a dozen seconds, however short the budget is."""
        self.add(name)
        self.change(f"workloads/{name}/operations.sql", *_LONG)

    def run(self, *arguments: str, **environment: str) -> pytest.RunResult:
        """Run pytest in the project, to its end; with several workers in turns with whatever else takes much memory."""
        with places.much_memory() if {"-n", "--tx"} & {*arguments} else nullcontext():
            return self.finish(self.start(*arguments, **environment))

    def start(self, *arguments: str, **environment: str) -> Program:
        """Start pytest in the project."""
        return self._start(["-m", "pytest", *QUICK, *arguments], environment)

    def run_within(self, surroundings: Sequence[str], *arguments: str, **environment: str) -> pytest.RunResult:
        """Run pytest in the project, by a command that makes its surroundings, to its end."""
        command = [*surroundings, sys.executable, "-m", "pytest", *QUICK, *arguments]
        return self.finish(self._start_program(command, environment))

    def start_python(self, *arguments: str, **environment: str) -> Program:
        """Start Python in the project."""
        return self._start(list(arguments), environment)

    def schemabench(self, *arguments: str, **environment: str) -> pytest.RunResult:
        """Run the command line beside pytest, to its end."""
        return self.finish(self.start_schemabench(*arguments, **environment))

    def start_schemabench(self, *arguments: str, **environment: str) -> Program:
        """Start the command line beside pytest."""
        program = "import sys; from schemabench.cli import main; sys.exit(main())"
        return self._start(["-c", program, *arguments], environment)

    def _start(self, arguments: list[str], environment: Mapping[str, str]) -> Program:
        return self._start_program([sys.executable, *arguments], environment)

    def _start_program(self, command: Sequence[str], environment: Mapping[str, str]) -> Program:
        return programs.start(
            command,
            cwd=self.path,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, process: Program) -> pytest.RunResult:
        """Wait for a run that was started."""
        started = time.monotonic()
        try:
            out, err = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.end()  # with all that it started: a worker that is left holds the pipes open
            out, err = process.communicate()
            pytest.fail(f"the run did not end within {LIMIT_S} s:\n{out}\n{err}")
        sys.stdout.write(f"{out}\n{err}\n")
        return pytest.RunResult(process.returncode, out.splitlines(), err.splitlines(), time.monotonic() - started)


def wait_for(run: Program, happened: Callable[[], object]) -> None:
    """Wait until something has happened while a program runs."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not happened():
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def said(result: pytest.RunResult) -> str:
    """Return all that a run wrote, with no regard to where its lines break."""
    return re.sub(r"\s+", " ", f"{result.stdout} {result.stderr}")


def assert_clear(result: pytest.RunResult, *words: str) -> None:
    """Check that a run failed with a message that says so much, and no traceback."""
    text = said(result)
    assert result.ret != 0
    assert "Traceback" not in text
    assert "INTERNALERROR" not in text
    missing = [word for word in words if word not in text]
    assert not missing, f"not said: {missing}"


def section(result: pytest.RunResult) -> list[str]:
    """Return the lines of our own section of a run's summary."""
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if line.startswith("=") and " schemabench " in line)
    end = next(
        number for number, line in enumerate(lines[start + 1 :], start + 1) if re.match(r"=+ .* =+$|FAILED", line)
    )
    return lines[start + 1 : end]


def collecting(result: pytest.RunResult, name: str) -> str:
    """Return what a run said about a test module that it could not collect."""
    _, _, after = str(result.stdout).partition(f"ERROR collecting tests/test_{name}.py _")
    return re.sub(r"\s+", " ", re.split(r"\n(?:_{3,} ERROR|={3,} )", after)[0])
