"""A soak in words: who drifts and what grew meanwhile, who does not, and what is not known."""

from dataclasses import replace

import pytest
from fixed_run import PAGEVIEWS, RUN, TURNS, soak

from schemabench.records import CandidateResult, Estimate, Experiment, Retirement, Slope, SoakFigures
from schemabench.report import soak as told
from schemabench.report import soak_drift
from schemabench.report.document import document
from schemabench.report.screen import terminal
from schemabench.report.text import plain
from schemabench.report.tree import Chart, Fold, Paragraph, Table
from schemabench.report.view import View

STEADY = Estimate(value=0.003, low=-0.021, high=0.026)
WORSE = Estimate(value=-0.12, low=-0.16, high=-0.08)
TAIL = Estimate(value=2.0, low=0.8, high=4.0)
WIDE = Estimate(value=0.02, low=-0.59, high=1.53)


def _experiment(baseline: SoakFigures | None, flat: SoakFigures | None) -> Experiment:
    kept: dict[str, SoakFigures | None] = {"baseline": baseline, "flat": flat}
    results: tuple[CandidateResult, ...] = tuple(replace(one, soak=kept[one.name]) for one in PAGEVIEWS.candidates)
    return replace(PAGEVIEWS, candidates=results)


def sentence(experiment: Experiment) -> str:
    """Return what is said, without the marks of names."""
    return plain(told.sentence(experiment))


def test_without_a_soak_nothing_is_said() -> None:
    assert sentence(_experiment(None, None)) == ""
    assert sentence(replace(PAGEVIEWS, soak=None)) == ""
    assert told.section(View(_experiment(None, None), RUN)) is None


def test_who_drifts_is_told_with_what_grew_meanwhile() -> None:
    said = sentence(_experiment(soak(250.0, 1.0, None), soak(270.0, 0.94, WORSE)))

    assert said.startswith("6 min of work each, by turns, as fast as connections allow; ")
    assert "flat loses 12 % [8.0, 16] of its throughput per minute against the baseline (dead rows from 120 to " in said
    assert "tables from 8.00 MiB to " in said
    assert "baseline itself: no drift beyond chance in throughput, with what the machine did meanwhile" in said


def test_who_does_not_drift_is_told_with_the_changes_that_remain_possible() -> None:
    said = sentence(_experiment(soak(250.0, 0.9, None), soak(270.0, 1.0, STEADY)))

    assert (
        "flat: no drift beyond chance in throughput (at most a loss of 2.1 % or a gain of 2.6 % per minute), and no "
        "slope is known of p50 and p99; " in said
    )
    assert (
        "baseline itself loses 19 % [18, 20] of its throughput per minute, with what the machine did meanwhile ("
        in said
    )


def _with(figures: SoakFigures, *, own: bool = False, **changes: Estimate | None) -> SoakFigures:
    """Return how one fared with other changes of its figures, against the baseline or its own."""
    slopes = tuple(
        Slope(figure=figure, own=change if own else None, to_baseline=None if own else change, judged=len(changes))
        for figure, change in changes.items()
    )
    return replace(figures, slopes=slopes)


def clauses(**fared: SoakFigures) -> list[str]:
    """Return what is said of candidates beside a baseline."""
    assert PAGEVIEWS.soak is not None
    known = [("baseline", soak(250.0, 1.0, None)), *fared.items()]
    return [plain(one) for one in soak_drift.clauses(replace(PAGEVIEWS.soak, control=None), known)]


def test_a_tail_that_grows_beside_a_steady_rate_is_told_as_a_drift() -> None:
    flat = _with(soak(250.0, 1.0, None), rate=STEADY, p50_ns=STEADY, p99_ns=TAIL)
    (said, _) = clauses(flat=flat)

    assert said.startswith("flat: its p99 grows by 200 % [80, 400] per minute against the baseline (pending lists of")
    assert "no drift" not in said


def test_an_older_soak_whose_intervals_hold_for_one_figure_is_judged_by_its_rate_alone() -> None:
    flat = _with(soak(250.0, 1.0, None), rate=STEADY, p99_ns=TAIL)
    older = replace(flat, slopes=tuple(replace(one, judged=1) for one in flat.slopes))
    (said, _) = clauses(flat=older)

    assert said.startswith("flat: no drift beyond chance in throughput (")
    assert said.endswith(", and no slope is known of p50 and p99")


def test_each_figure_that_drifts_is_told_by_its_name() -> None:
    faster = Estimate(value=-0.2, low=-0.3, high=-0.1)
    (said, _) = clauses(flat=_with(soak(250.0, 1.0, None), rate=WORSE, p50_ns=faster, p99_ns=TAIL))

    assert said.startswith(
        "flat loses 12 % [8.0, 16] of its throughput per minute, its p50 shrinks by 20 % [10, 30] per minute and its "
        "p99 grows by 200 % [80, 400] per minute against the baseline"
    )


def test_changes_that_remain_possible_have_a_bound_on_each_side_since_no_loss_exceeds_all() -> None:
    (said, _) = clauses(flat=_with(soak(250.0, 1.0, None), rate=WIDE, p50_ns=STEADY, p99_ns=WIDE))

    assert said == (
        "flat: no drift beyond chance in throughput (at most a loss of 59 % or a gain of 153 % per minute), p50 (at "
        "most a fall of 2.1 % or a rise of 2.6 %) and p99 (at most a fall of 59 % or a rise of 153 %)"
    )


def test_candidates_of_one_clause_have_the_range_of_their_bounds() -> None:
    narrow, wide = (_with(soak(250.0, 1.0, None), rate=one, p99_ns=STEADY) for one in (STEADY, WIDE))
    (said, _) = clauses(flat=narrow, wide=wide)

    assert said == (
        "flat and wide: no drift beyond chance in throughput (at most a loss of 2.1 to 59 % or a gain of 2.6 to 153 % "
        "per minute, by candidate) and p99 (at most a fall of 2.1 % or a rise of 2.6 %), and no slope is known of p50"
    )


def test_candidates_are_not_said_to_be_steady_in_what_is_known_of_others_alone() -> None:
    usual = soak(250.0, 1.0, None)
    some = clauses(
        flat=_with(usual, rate=STEADY, p50_ns=STEADY, p99_ns=STEADY), rare=_with(usual, rate=STEADY, p99_ns=None)
    )

    assert [one.partition(" (")[0] for one in some[:2]] == [
        "flat: no drift beyond chance in throughput",
        "rare: no drift beyond chance in throughput",
    ]
    assert "and p99 (at most a fall of" in some[0]
    assert some[1].endswith(", and no slope is known of p50 and p99")


def test_a_control_whose_tail_drifts_is_told_too() -> None:
    usual = _experiment(soak(250.0, 1.0, None), soak(270.0, 1.0, STEADY))
    assert usual.soak is not None
    control = _with(soak(250.0, 1.0, None), rate=STEADY, p99_ns=TAIL)
    said = sentence(replace(usual, soak=replace(usual.soak, control=control)))

    assert (
        "doubtful: the control, a second baseline: its p99 grows by 200 % [80, 400] per minute against the baseline"
        in said
    )


def test_a_baseline_is_said_to_be_steady_in_the_figures_that_were_judged_alone() -> None:
    usual, flat = soak(250.0, 1.0, None), soak(270.0, 1.0, STEADY)
    drifting = sentence(_experiment(_with(usual, own=True, rate=STEADY, p50_ns=STEADY, p99_ns=TAIL), flat))
    steady = sentence(_experiment(_with(usual, own=True, rate=STEADY, p50_ns=None, p99_ns=STEADY), flat))

    assert "baseline itself: its p99 grows by 200 % [80, 400] per minute, with what the machine did" in drifting
    assert "baseline itself: no drift beyond chance in throughput and p99, with what the machine did" in steady


def test_a_control_that_drifts_or_left_is_told_since_it_should_tie() -> None:
    usual = _experiment(soak(250.0, 1.0, None), soak(270.0, 1.0, STEADY))
    assert usual.soak is not None

    assert "the control" not in sentence(usual)
    drifting = replace(usual, soak=replace(usual.soak, control=soak(250.0, 0.9, WORSE)))
    assert "doubtful: the control, a second baseline, loses 12 % [8.0, 16] of its throughput per minute" in sentence(
        drifting
    )
    gone = replace(soak(250.0, 0.9, WORSE), ended="It is broken", slices=(), slopes=())
    assert "the control left in its first turn: It is broken" in sentence(
        replace(usual, soak=replace(usual.soak, control=gone))
    )


def test_vacuums_are_not_counted_where_a_turn_does_not_know_them() -> None:
    whole = soak(250.0, 1.0, None)
    some = replace(whole, slices=(replace(whole.slices[0], looked_after={}), *whole.slices[1:]))

    assert told._sum(whole.slices, "looked_after", "vacuums") is not None
    assert told._sum(some.slices, "looked_after", "vacuums") is None


def test_who_has_no_slope_is_told_to_need_longer() -> None:
    few = soak(270.0, 1.0, None)

    assert (
        "whether flat drifts cannot be told, as its turns are too few or depend too much on each other: try a longer "
        "--soak" in sentence(_experiment(soak(250.0, 1.0, None), few))
    )
    assert "whether flat and wide drift cannot be told, as their turns are too few" in clauses(flat=few, wide=few)[0]


@pytest.mark.parametrize(("interrupted", "how"), [(True, "was interrupted"), (False, "ended")])
def test_a_soak_without_a_finished_round_is_no_result(interrupted: bool, how: str) -> None:  # noqa: FBT001 (of a record)
    nothing, usual = SoakFigures(slices=()), _experiment(SoakFigures(slices=()), SoakFigures(slices=()))
    assert usual.soak is not None
    begun = replace(usual.soak, rounds=0, interrupted=interrupted, control=nothing)
    section = told.section(View(replace(usual, soak=begun), RUN))

    assert sentence(replace(usual, soak=begun)) == f"nothing was measured, as it {how} in its first round"
    assert section is not None
    assert [type(node) for node in section.nodes] == [Paragraph]


def test_who_left_is_told_with_why() -> None:
    left = SoakFigures(slices=(), ended="the disk is full")
    assert "flat left in its first turn: the disk is full" in sentence(_experiment(soak(250.0, 1.0, None), left))
    section = told.section(View(_experiment(soak(250.0, 1.0, None), left), RUN))
    assert section is not None


def test_who_left_is_told_with_when_and_is_not_said_to_have_worked_as_long_as_the_others() -> None:
    usual = soak(270.0, 1.0, None)
    left = replace(usual, slices=usual.slices[:5], ended="the disk is full")
    experiment = _experiment(soak(250.0, 1.0, None), left)
    section = told.section(View(experiment, RUN))
    assert section is not None
    drifts = next(node for node in section.nodes if isinstance(node, Table))
    assert experiment.soak is not None
    gone = replace(experiment, soak=replace(experiment.soak, control=left))

    assert sentence(experiment).startswith("6 min of work for each that stayed, by turns, ")
    assert f"flat left after round 5 of {TURNS}, with 2 min 30 s of work: the disk is full" in sentence(experiment)
    assert f"the control left after round 5 of {TURNS}, with" in sentence(gone)
    assert [one.heading for one in drifts.columns][1] == "turns"
    assert {plain(row[0].text): row[1].text for row in drifts.rows} == {"baseline": str(TURNS), "flat": "5"}
    assert dict(drifts.legend)["thirds"] == (
        "the median of the turns that count, of its own turns alone where it took fewer"
    )


def test_without_the_baseline_nobody_is_told_to_try_a_longer_soak() -> None:
    left = SoakFigures(slices=soak(250.0, 1.0, None).slices[:3], ended="the disk is full")
    said = sentence(_experiment(left, replace(soak(270.0, 1.0, None), slopes=())))

    left_early = "baseline left after round 3 of 12, with 1 min 30 s of work: the disk is full"
    assert f"{left_early}; so there is nothing to compare with, and the soak ended" in said
    assert "longer" not in said


def test_a_baseline_whose_turns_depend_too_much_on_each_other_has_no_verdict_on_itself() -> None:
    usual = soak(250.0, 1.0, None)
    wild = replace(usual, slopes=tuple(replace(one, own=None) for one in usual.slopes))

    assert sentence(_experiment(wild, usual)).endswith(
        "whether baseline itself drifts cannot be told, as its turns depend too much on each other"
    )


def test_vacuums_are_told_beside_a_drift_with_their_share_of_the_time() -> None:
    busy = soak(270.0, 0.94, WORSE)
    turns = tuple(replace(one, meanwhile={**one.meanwhile, "own_vacuum_share": 0.25}) for one in busy.slices)
    said = sentence(_experiment(soak(250.0, 1.0, None), replace(busy, slices=turns)))

    assert "autovacuum at work for it in 25 % of its time)" in said


def test_pending_lists_are_told_by_their_longest_since_they_are_emptied_again() -> None:
    said = sentence(_experiment(soak(250.0, 1.0, None), soak(270.0, 0.94, WORSE)))

    assert "pending lists of up to 24.0 KiB" in said


def test_the_clocks_that_were_slowed_are_named_and_no_others() -> None:
    def explained(slowed: dict[str, float]) -> str:
        assert PAGEVIEWS.soak is not None
        section = told.section(View(replace(PAGEVIEWS, soak=replace(PAGEVIEWS.soak, slowed=slowed)), RUN))
        assert section is not None
        return " ".join(node.text for node in section.nodes if isinstance(node, Paragraph))

    assert "autovacuum_naptime and checkpoint_timeout were 3 times as long as usual" in explained(
        {"autovacuum_naptime": 3.0, "checkpoint_timeout": 3.0}
    )
    given = explained({"checkpoint_timeout": 3.0})
    assert "checkpoint_timeout was 3 times as long as usual" in given
    assert "autovacuum_naptime" not in given
    assert "as long as usual" not in explained({})


def test_figures_at_both_ends_are_medians_of_thirds_without_the_first_round() -> None:
    odd = soak(250.0, 1.0, None)
    turns = (replace(odd.slices[0], rate=1.0), *odd.slices[1:-1], replace(odd.slices[-1], rate=9999.0))
    section = told.section(View(_experiment(replace(odd, slices=turns), odd), RUN))
    assert section is not None
    drifts = next(node for node in section.nodes if isinstance(node, Table))
    (row,) = (row for row in drifts.rows if plain(row[0].text) == "baseline")

    assert [cell.text for cell in row[1:3]] == ["250", "250"]


def test_who_left_the_blocks_early_is_told_not_to_have_been_measured() -> None:
    soaked = _experiment(soak(250.0, 1.0, None), None)
    gone = Retirement(trials=12, slower=Estimate(value=2.0, low=1.8, high=2.2), rule="race")
    candidates = tuple(replace(one, retired=gone) if one.name == "flat" else one for one in soaked.candidates)

    assert sentence(replace(soaked, candidates=candidates)).endswith("flat left the blocks early and was not measured")
    assert "left the blocks early" not in sentence(soaked)


def test_at_productions_pace_the_speed_of_calls_drifts() -> None:
    paced = _experiment(soak(250.0, 1.0, None), soak(270.0, 0.94, WORSE))
    assert paced.soak is not None
    said = sentence(replace(paced, soak=replace(paced.soak, paced=True, per_s=600.0)))

    assert "at production's pace" in said
    assert "of the speed of its calls per 10 min" in said


def test_an_interrupted_soak_says_so_and_how_long_it_was() -> None:
    assert PAGEVIEWS.soak is not None
    broken = replace(PAGEVIEWS, soak=replace(PAGEVIEWS.soak, interrupted=True, rounds=4))
    assert "2 min of work each, by turns, as fast as connections allow; interrupted after 4 rounds" in sentence(broken)


def _busy(fared: SoakFigures, turns: range) -> SoakFigures:
    """Return how one fared for whom the load generator was busy in some turns."""
    slices = tuple(replace(one, busy_share=0.95 if one.round in turns else 0.6) for one in fared.slices)
    return replace(fared, slices=slices)


def test_nobody_is_said_to_be_steady_whom_the_load_generator_limited_at_one_end() -> None:
    flat = _with(soak(250.0, 1.0, None), rate=STEADY)
    limited, steady, busy_in_the_middle = _busy(flat, range(1, 5)), flat, _busy(flat, range(5, 7))

    assert limited.is_limited
    assert not busy_in_the_middle.is_limited
    some = clauses(limited=limited, steady=steady)
    assert some[0].startswith("steady: no drift beyond chance in throughput (at most")
    assert some[1] == "limited: no verdict, as the load generator was the bottleneck"


def test_where_the_load_generator_limited_the_baseline_nobody_is_said_to_be_steady() -> None:
    assert PAGEVIEWS.soak is not None
    flat = _with(soak(250.0, 1.0, None), rate=STEADY)
    known = [("baseline", _busy(soak(250.0, 1.0, None), range(8, TURNS))), ("flat", flat)]
    said = [plain(one) for one in soak_drift.clauses(replace(PAGEVIEWS.soak, control=None), known)]

    assert said[0] == "flat: no verdict, as the load generator was the bottleneck"


def test_who_took_fewer_turns_has_their_number_beside_what_grew() -> None:
    def growth(flat: SoakFigures) -> Table:
        section = told.section(View(_experiment(soak(250.0, 1.0, None), flat), RUN))
        assert section is not None
        return [node for node in section.nodes if isinstance(node, Table)][1]

    usual = soak(270.0, 1.0, STEADY)
    fewer = growth(replace(usual, slices=usual.slices[:5]))

    assert "turns" not in [one.heading for one in growth(usual).columns]
    assert [one.heading for one in fewer.columns][1] == "turns"
    assert {plain(row[0].text): row[1].text for row in fewer.rows} == {"baseline": str(TURNS), "flat": "5"}


def test_the_section_has_drifts_growth_charts_and_every_turn() -> None:
    section = told.section(View(PAGEVIEWS, RUN))
    assert section is not None
    drifts, growth = (node for node in section.nodes if isinstance(node, Table))
    charts = [node for node in section.nodes if isinstance(node, Chart)]
    (fold,) = (node for node in section.nodes if isinstance(node, Fold))

    assert [plain(row[0].text) for row in drifts.footer] == ["baseline (control)"]
    assert len(drifts.rows) == len(growth.rows) == len(charts) == 2
    assert [len(table.rows) for table in fold.nodes if isinstance(table, Table)] == [TURNS, TURNS]


def test_the_terminal_has_the_sentence_in_80_columns() -> None:
    text = terminal(document(RUN), width=80)
    assert "soak: 6 min of work each" in text
    assert max(map(len, text.splitlines())) <= 80
