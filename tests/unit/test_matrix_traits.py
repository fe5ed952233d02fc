"""How runs are labelled, put in order, and what is said of all else in which they differ."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fixed_run import SETTINGS
from hypothesis import given
from hypothesis import strategies as st
from several_runs import compared, experiment, led_by, only, run

from schemabench.records import CompanionShare, Experiment, Growth, GrowthStep, Noise, Run, StepFigures
from schemabench.report import matrix
from schemabench.report.matrix import traits

RANKS = ("hash_by_site",), ("baseline",)


def labels(*runs: Run) -> list[str]:
    return [column.label for column in only(*runs).columns]


def texts(*runs: Run) -> list[str]:
    return [notice.text for notice in only(*runs).notices]


def at(**changes: object) -> Experiment:
    return experiment(*RANKS, **changes)


def test_runs_on_several_versions_are_labelled_by_the_major_version() -> None:
    assert labels(run("15.18", at()), run("16.14", at())) == ["PostgreSQL 15", "PostgreSQL 16"]


def test_minor_versions_are_shown_where_majors_hide_a_difference() -> None:
    assert labels(run("15.17", at()), run("15.18", at())) == ["PostgreSQL 15.17", "PostgreSQL 15.18"]


def test_runs_stand_in_order_of_their_version_however_they_were_given() -> None:
    runs = [run(version, at()) for version in ("16.1", "9.6", "18.1", "15.1")]
    assert labels(*runs) == ["PostgreSQL 9", "PostgreSQL 15", "PostgreSQL 16", "PostgreSQL 18"]


@pytest.mark.parametrize(
    ("field", "values", "expected"),
    [
        ("clients", (16, 4), ["4 clients", "16 clients"]),
        ("seed", (2, 1), ["seed 1", "seed 2"]),
    ],
)
def test_runs_are_labelled_by_what_distinguishes_them(field: str, values: tuple[int, int], expected: list[str]) -> None:
    runs = [run("15.1", at(**{field: value}), run_id=str(value)) for value in values]
    assert labels(*runs) == expected


def share(name: str) -> CompanionShare:
    return CompanionShare(name=name, operation="look", clients=1, every_s=0.0, holds=True, isolation="repeatable read")


def test_runs_with_and_without_companions_are_labelled_and_a_notice_says_so() -> None:
    runs = [
        run("15.1", at(companions=(share("holder"), share("report"))), run_id="with"),
        run("15.1", at(without_companions=("holder", "report")), run_id="without"),
    ]

    assert labels(*runs) == ["no companions", "companions"]
    (told,) = [text for text in texts(*runs) if "companions" in text]
    assert "Other companions ran beside the trials" in told
    assert "holder (look, holds its transaction open, repeatable read)" in told
    assert "none with no companions" in told


def test_runs_with_and_without_noise_are_labelled_and_a_notice_names_the_model() -> None:
    noise = Noise(
        path="noise.json", digest="d" * 64, organisations=10, rows=100, speed=1.0, connections=2, pace_per_s=2.0
    )
    runs = [run("15.1", at(noise=noise), run_id="with"), run("15.1", at(), run_id="without")]

    assert labels(*runs) == ["no noise", "noise of 10 organisations, 2.0 runs/s"]
    (told,) = [text for text in texts(*runs) if "other noise" in text]
    assert "none with no noise, noise.json: 10 organisations, 100 rows" in told


def test_different_noise_of_one_size_and_pace_is_told_apart_by_its_digest() -> None:
    one, other = (
        Noise(path="noise.json", digest=letter * 64, organisations=10, rows=100, speed=1.0, connections=2, pace_per_s=2)
        for letter in "de"
    )
    runs = [run("15.1", at(noise=one), run_id="one"), run("15.1", at(noise=other), run_id="other")]

    assert [text[-12:] for text in labels(*runs)] == ["d" * 12, "e" * 12]


def test_two_runs_are_told_what_they_differ_in_with_both_values() -> None:
    noise = Noise(
        path="noise.json", digest="d" * 64, organisations=10, rows=100, speed=1.0, connections=2, pace_per_s=2.0
    )
    now, then = run("15.1", at(noise=noise, clients=16), run_id="now"), run("15.1", at(), run_id="then")

    (told,) = matrix.other_conditions(now, "0001_then.json", then)

    assert "noise (no noise there, noise of 10 organisations, 2.0 runs/s here)" in told
    assert "clients (8 clients there, 16 clients here)" in told
    assert told.startswith("usage at typical was measured under other conditions in 0001_then.json: ")
    assert matrix.other_conditions(then, "0001_then.json", run("15.1", at(), run_id="again")) == []


def test_runs_with_different_companions_are_labelled_by_their_names() -> None:
    runs = [run("15.1", at(companions=tuple(map(share, names))), run_id="".join(names)) for names in ("a", "bc")]

    assert labels(*runs) == ["companions a", "companions b and c"]


def test_cardinalities_stand_side_by_side_in_the_order_in_which_they_were_given() -> None:
    worst = at(cardinality="worst", digest="other", values={"sites": 1})
    runs = run("15.1", worst, run_id="one"), run("15.1", at(), run_id="two")
    assert labels(*runs) == ["worst", "typical"]
    assert only(*runs).cardinality == ""


def test_runs_over_time_are_labelled_by_the_day() -> None:
    runs = [run("15.1", at(), run_id=day, started=f"2026-02-{day}T09:30:00+00:00") for day in ("17", "16")]
    assert labels(*runs) == ["2026-02-16", "2026-02-17"]


def test_runs_of_one_day_are_labelled_by_the_time() -> None:
    runs = [run("15.1", at(), run_id=hour, started=f"2026-02-16T{hour}:30:00+00:00") for hour in ("09", "10")]
    assert labels(*runs) == ["2026-02-16 09:30:00", "2026-02-16 10:30:00"]


def test_runs_that_differ_in_a_setting_are_labelled_by_it() -> None:
    runs = [run("15.1", at(), run_id=value, settings={"jit": value}) for value in ("on", "off")]
    assert labels(*runs) == ["jit on", "jit off"]
    assert texts(*runs) == []


def test_runs_alike_in_all_but_their_id_are_labelled_by_that() -> None:
    assert labels(*(run("15.1", at(), run_id=name) for name in ("x", "y"))) == ["run x", "run y"]


def test_axis_that_differs_on_purpose_is_no_complaint() -> None:
    assert texts(run("15.1", at()), run("16.1", at(), started="2026-02-17T00:00:00+00:00")) == []


def test_second_axis_is_a_complaint_since_it_cannot_be_told_from_the_first() -> None:
    runs = run("15.1", at()), run("16.1", at(clients=16))
    assert labels(*runs) == ["PostgreSQL 15, 8 clients", "PostgreSQL 16, 16 clients"]
    (text,) = texts(*runs)
    assert text.startswith("Neighbouring runs differ in PostgreSQL version and clients at once: a change")


def test_two_axes_of_which_neighbours_differ_in_one_are_no_complaint() -> None:
    runs = [
        run(version, at(clients=clients), run_id=f"{version} {clients}")
        for version, clients in (("15.1", 8), ("15.1", 16), ("16.1", 16))
    ]
    assert texts(*runs) == []


def test_runs_repeated_on_each_version_are_no_complaint() -> None:
    runs = [
        run(version, at(), run_id=f"{version} {day}", started=f"2026-02-{day}T09:30:00+00:00")
        for version, day in (("15.1", "16"), ("15.1", "17"), ("16.1", "18"), ("16.1", "19"))
    ]
    assert labels(*runs)[1:3] == ["PostgreSQL 15, 2026-02-17", "PostgreSQL 16, 2026-02-18"]
    assert texts(*runs) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"budget_s": 30.0}, "budget: 1 min on PostgreSQL 15, 30.0 s on PostgreSQL 16; a shorter run sees only larger"),
        ({"seed": 7}, "seed: seed 1 on PostgreSQL 15, seed 7 on PostgreSQL 16; their bursts are different samples"),
        ({"precision": 0.05}, "precision asked for: 1.0 % on PostgreSQL 15, 5.0 % on PostgreSQL 16"),
        ({"sample_hz": 0.0}, "lock-wait samples: 50 a second on PostgreSQL 15, 0 a second on PostgreSQL 16"),
        ({"workers": {"gw0": 0.1, "gw1": 0.2}}, "worker processes: 1 on PostgreSQL 15, 2 on PostgreSQL 16"),
    ],
)
def test_what_differs_beside_the_axis_is_a_notice_with_the_reason(changes: dict[str, object], expected: str) -> None:
    (text,) = texts(run("15.1", at()), run("16.1", at(**changes)))
    assert text.startswith(f"Runs differ in {expected}")


def test_other_machine_is_a_notice_that_names_what_differs() -> None:
    one, other = run("15.1", at()), run("16.1", at())
    other = replace(other, machine={**other.machine, "memory": "1.0 GiB"})
    (text,) = texts(one, other)
    assert text.startswith("Runs differ in the machine's memory: 31.3 GiB on PostgreSQL 15, 1.0 GiB on PostgreSQL 16; ")


def test_other_version_of_schemabench_is_a_notice() -> None:
    (text,) = texts(run("15.1", at()), replace(run("16.1", at()), version="9.9"))
    assert text.startswith("Runs differ in version of schemabench: 0.1.0 on PostgreSQL 15, 9.9 on PostgreSQL 16;")


def test_other_settings_beside_another_version_are_a_notice_each() -> None:
    runs = run("15.1", at()), run("16.1", at(), settings={"jit": "on", "shared_buffers": "1GB"})
    assert [text.partition(";")[0] for text in texts(*runs)] == [
        "Runs differ in the setting jit: 'off' on PostgreSQL 15, 'on' on PostgreSQL 16",
        "Runs differ in the setting shared_buffers: '8GB' on PostgreSQL 15, '1GB' on PostgreSQL 16",
    ]


def test_settings_of_an_older_run_file_are_compared_with_those_of_sessions() -> None:
    older = replace(at(), settings=())
    runs = replace(run("15.1"), experiments=(older,)), run("16.1", at())
    server = runs[0].server
    assert server is not None
    kept = tuple(one for one in SETTINGS if one.name != "idle_in_transaction_session_timeout")
    assert texts(replace(runs[0], server=replace(server, settings=kept)), runs[1]) == []


def test_one_version_from_two_places_is_a_notice() -> None:
    one, other = run("15.1", at(), run_id="one"), run("15.1", at(clients=16), run_id="two")
    assert other.server is not None
    elsewhere = replace(other, server=replace(other.server, origin="a container"))
    assert texts(one, elsewhere) == [
        ("PostgreSQL 15.1 was provided in different ways: a wheel of 15.1, a container; builds and machines may differ")
    ]


@pytest.mark.parametrize(
    ("given_labels", "expected"),
    [
        (["PostgreSQL 15", "PostgreSQL 16", "PostgreSQL 17"], "PostgreSQL 15, 16 and 17"),
        (["8 clients", "16 clients"], "8 clients and 16 clients"),
        (["typical"], "typical"),
        (["PostgreSQL 15"], "PostgreSQL 15"),
        (["2026-02-16 09:30:00", "2026-02-16 10:30:00"], "2026-02-16 09:30:00 and 10:30:00"),
        (
            ["PostgreSQL 15, 8 clients", "PostgreSQL 15, 9 clients"],
            "PostgreSQL 15, 8 clients and PostgreSQL 15, 9 clients",
        ),
    ],
)
def test_words_that_labels_begin_with_alike_stand_once(given_labels: list[str], expected: str) -> None:
    assert traits.listed(given_labels) == expected


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["15.1", "15.2", "16.1"]),
            st.sampled_from([4, 8]),
            st.sampled_from([1, 2]),
            st.sampled_from(["2026-02-16T09:30:00+00:00", "2026-02-16T10:30:00+00:00", "2026-02-17T09:30:00+00:00"]),
            st.sampled_from(["on", "off"]),
        ),
        min_size=2,
        max_size=6,
    )
)
def test_labels_are_unique_whatever_runs_differ_in(drawn: list[tuple[str, int, int, str, str]]) -> None:
    runs = [
        run(version, at(clients=clients, seed=seed), run_id=str(place), started=started, settings={"jit": jit})
        for place, (version, clients, seed, started, jit) in enumerate(drawn)
    ]
    assert len(set(labels(*runs))) == len(runs)


def test_every_run_file_stands_under_a_label_of_its_own() -> None:
    matrix = only(led_by("hash_by_site", version="16.1"), led_by("hash_by_site", version="15.1"))
    assert [(column.label, column.source.file) for column in matrix.columns] == [
        ("PostgreSQL 15", "b.json"),
        ("PostgreSQL 16", "a.json"),
    ]


def curve(over: str, values: Sequence[float]) -> Growth:
    """Return a growth curve over an axis, measured at these values in this order."""
    steps = tuple(
        GrowthStep(value=value, cardinality=f"{over}={value:g}", figures=(StepFigures(candidate="baseline"),))
        for value in values
    )
    order = tuple(values)
    return Growth(
        workload="usage", cardinality="typical", over=over, steps=steps, order=order, budget_s=60.0, elapsed_s=50.0
    )


def grown(version: str, over: str, *values: float, run_id: str = "one") -> Run:
    """Return a run of a growth curve."""
    experiments = [
        at(
            cardinality=f"{over}={value:g}",
            clients=int(value) if over == "clients" else 4,
            round_trip_s=value / 1000 if over == "round_trip_ms" else 0.0,
            digest=f"{over}={value:g}",
        )
        for value in values
    ]
    return run(version, *experiments, growths=(curve(over, values),), run_id=f"{run_id}-{version}")


def test_steps_that_growth_curves_share_stand_by_size_however_they_were_measured() -> None:
    found = compared(grown("15.1", "rows", 1_000, 50_000, 100_000, 9_000), grown("16.1", "rows", 50_000, 9_000, 1_000))

    assert [one.cardinality for one in found.matrices] == ["rows=1,000", "rows=9,000", "rows=50,000"]
    assert [notice.text for notice in found.notices] == [
        "usage at rows=100,000 is in a.json only, and is not shown here"
    ]


def test_steps_that_no_two_growth_curves_share_stand_by_size_in_one_matrix() -> None:
    runs = grown("15.1", "rows", 1_000, 100_000, 20_000), grown("15.1", "rows", 9_000, run_id="other")
    found = only(*runs)

    assert [column.label for column in found.columns] == ["rows=1,000", "rows=9,000", "rows=20,000", "rows=100,000"]
    assert found.differ == ("cardinality",)


@pytest.mark.parametrize(
    ("over", "expected", "title"),
    [
        ("clients", ["2 clients", "4 clients", "16 clients"], "clients"),
        (
            "round_trip_ms",
            ["2.00 ms per round trip", "4.00 ms per round trip", "16.0 ms per round trip"],
            "round trip",
        ),
    ],
)
def test_steps_over_clients_or_round_trips_are_labelled_by_these_alone(
    over: str, expected: list[str], title: str
) -> None:
    found = only(grown("15.1", over, 2, 16), grown("15.1", over, 4, run_id="other"))

    assert [column.label for column in found.columns] == expected
    assert found.differ == (title,)
    assert not [notice for notice in found.notices if notice.code == "entangled"]
