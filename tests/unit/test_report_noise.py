"""What a report says of the noise beside an experiment."""

from several_runs import experiment

from schemabench.records import Noise, NoiseRuns
from schemabench.report import noise


def test_the_pace_of_the_noise_is_that_of_runs_that_are_done() -> None:
    failing = NoiseRuns(kind="ingest", due=100, begun=100, done=20, late=0, failed=80, longest_wait_s=0.0)
    beside = Noise(
        path="noise.json",
        digest="d" * 64,
        organisations=10,
        rows=100,
        speed=1.0,
        connections=2,
        pace_per_s=10.0,
        lasted_s=10.0,
        runs=(failing,),
    )

    told = noise.sentence(experiment(("hash_by_site",), noise=beside))

    assert told.startswith("2.0 runs a second of 10 due")
