"""What a report says of a race: who left, when and on what."""

import re
from dataclasses import replace
from typing import Any

import pytest
import sections
from drawn import markdown
from fixed_run import RUN, USAGE, estimate

from schemabench import report
from schemabench.records import CandidateResult, Estimate, Experiment, Notice, Retirement
from schemabench.report import facts, race, verdict
from schemabench.report.text import plain
from schemabench.report.tree import Paragraph
from schemabench.report.view import View

RACE = replace(USAGE, race=3)
BEHIND = Estimate(value=0.61, low=0.52, high=0.7)
PROVED = "the leader and enough others for all 3 places, or all others still in the race, are proved faster"


def left(experiment: Experiment, *names: str) -> Experiment:
    """Return a race that these candidates left, one after another."""

    def after(result: CandidateResult) -> CandidateResult:
        if result.name not in names:
            return result
        trials = 10 + names.index(result.name)
        retired = Retirement(
            rule="race",
            trials=trials,
            slower=estimate(1.4),
            leader="hash_partitioned",
            behind=BEHIND,
            left_s=trials / 2,
        )
        return replace(result, retired=retired)

    return replace(experiment, candidates=tuple(map(after, experiment.candidates)))


def _replaced(experiment: Experiment, name: str, **fields: Any) -> Experiment:  # noqa: ANN401 (any field)
    """Return an experiment in which some fields of one candidate are different."""
    candidates = tuple(replace(one, **fields) if one.name == name else one for one in experiment.candidates)
    return replace(experiment, candidates=candidates)


def _said(experiment: Experiment) -> str:
    """Return the paragraph of the section."""
    section = race.section(View(experiment, replace(RUN, experiments=(experiment,))))
    assert section is not None
    (text,) = [plain(node.text) for node in section.nodes if isinstance(node, Paragraph)]
    return text


def test_a_run_that_is_no_race_says_nothing_of_one() -> None:
    assert not sections.tables(race.section, USAGE)
    assert "Race" not in report.terminal(RUN)


def test_who_left_is_told_in_order_with_the_leader_and_the_interval() -> None:
    (table,) = sections.tables(race.section, left(RACE, "secondary_index", "fillfactor"))

    assert sections.headings(table)[:4] == ["candidate", "blocks", "left after", "leader"]
    assert sections.rows(table) == [
        ("secondary_index", "10", "5.00 s", "hash_partitioned", "0.61x [0.52, 0.70]"),
        ("fillfactor", "11", "5.50 s", "hash_partitioned", "0.61x [0.52, 0.70]"),
    ]


def test_verdict_ranks_those_that_stayed_and_names_those_that_left() -> None:
    found = left(RACE, "secondary_index")

    assert plain(verdict.sentence(found)).endswith(" Left the race, proved slower than the leader: secondary_index.")
    assert verdict.sentence(RACE) == verdict.sentence(USAGE)


def test_what_is_said_of_one_candidate_has_the_blocks_and_the_interval() -> None:
    experiment = left(RACE, "secondary_index")
    (one,) = [result for result in experiment.candidates if result.name == "secondary_index"]

    assert report.properties(experiment, one)[4] == (
        "schemabench_verdict",
        "left the race after 10 blocks: 0.61x [0.52, 0.70] the throughput of hash_partitioned",
    )


def test_a_race_that_nobody_left_says_so_in_every_format() -> None:
    run = replace(RUN, experiments=(RACE,))

    for text in (report.terminal(run), markdown(run)):
        assert f"No candidate left by the rule of the race: nobody does before {PROVED}." in " ".join(text.split())


@pytest.mark.parametrize(("places", "proved"), [(1, "the leader is proved faster"), (3, PROVED)])
def test_the_facts_and_the_section_have_the_same_rule_for_who_leaves(places: int, proved: str) -> None:
    gone = left(replace(RACE, race=places), "secondary_index")

    assert dict(facts.of_experiment(gone))["race"].endswith(f": a candidate leaves once {proved}")
    assert f"A candidate leaves once {proved}, and the others get its share" in _said(gone)


def test_who_left_as_far_slower_is_told_apart_from_who_left_by_the_rule_of_the_race() -> None:
    far = Retirement(trials=3, slower=estimate(20.0))
    gone = _replaced(RACE, "secondary_index", retired=far)

    assert _said(gone).startswith("No candidate left by the rule of the race: ")
    assert _said(gone).endswith("Left as far slower than the baseline, as in any run: secondary_index.")
    assert _said(left(gone, "fillfactor")).endswith("as in any run: secondary_index.")
    assert "far slower" not in _said(left(RACE, "secondary_index"))


def test_of_who_has_no_rank_nothing_is_said_but_that_it_is_not_considered() -> None:
    """It may have left the race before its rows were seen to differ."""
    without = _replaced(RACE, "secondary_index", status="disqualified", standings={})

    assert _said(without).startswith("No ranked candidate left by the rule of the race: ")
    assert _said(without).endswith("Without a rank, and so not considered here: secondary_index.")
    assert _said(left(without, "fillfactor")).endswith("not considered here: secondary_index.")


def test_the_verdict_says_for_whom_it_is_in_doubt_what_it_left_on() -> None:
    doubted = left(RACE, "secondary_index", "fillfactor")
    notice = Notice(
        code="raced-in-doubt", text="secondary_index may have a place after all: hash_partitioned fell back"
    )
    found = replace(
        doubted,
        candidates=tuple(
            replace(one, notices=(notice,)) if one.name == "secondary_index" else one for one in doubted.candidates
        ),
    )

    assert plain(verdict.sentence(found)).endswith(
        "secondary_index and fillfactor. secondary_index may have a place after all."
    )
    assert notice.text in " ".join(report.terminal(replace(RUN, experiments=(found,))).split())


def test_who_left_and_is_faster_than_the_baseline_is_not_called_slower_where_the_leader_is_gone() -> None:
    """The leader failed after the others had left: only the baseline took part in all blocks."""
    candidates = [one for one in RACE.candidates if one.name in {"baseline", "hash_partitioned"}]
    found = left(replace(RACE, candidates=tuple(candidates)), "hash_partitioned")

    assert plain(verdict.sentence(found)).startswith("hash_partitioned leads: ")


def test_who_left_has_no_figure_by_lock_waits_and_the_legend_says_why() -> None:
    gone = left(RACE, "secondary_index")

    assert "-: left the blocks early" in " ".join(report.terminal(replace(RUN, experiments=(gone,))).split())
    assert "-: left the blocks early" not in " ".join(report.terminal(replace(RUN, experiments=(RACE,))).split())


def test_interval_stays_beside_its_figure_in_a_race_on_a_usual_terminal() -> None:
    """Ratios have three decimals where an interval is narrow, and a ratio below a tenth has four."""
    far = Estimate(value=0.0612, low=0.0523, high=0.0701)
    narrow = Estimate(value=0.98, low=0.978, high=0.982)
    gone = left(RACE, "secondary_index", "fillfactor")
    candidates = tuple(
        replace(
            one,
            retired=replace(one.retired, behind=far if one.name == "fillfactor" else BEHIND),
            standings={"throughput": replace(one.standings["throughput"], to_baseline=narrow)},
        )
        if one.retired
        else one
        for one in gone.candidates
    )
    drawn = report.terminal(replace(RUN, experiments=(replace(gone, candidates=candidates),)), 80)
    _, table = drawn.split("Who left the race, and on what\n")

    assert re.search(r"^secondary_index .* 0\.610x \[0\.520, 0\.700\]$", table, re.MULTILINE)
    assert re.search(r"^fillfactor .* 0\.0612x \[0\.0523, 0\.0701\]$", table, re.MULTILINE)
