"""What a report says of a race: who left, when and on what."""

from dataclasses import replace

import sections
from fixed_run import RUN, USAGE, estimate

from schemabench import report
from schemabench.records import CandidateResult, Estimate, Experiment, Notice, Retirement
from schemabench.report import race, verdict
from schemabench.report.text import plain

RACE = replace(USAGE, race=3)
BEHIND = Estimate(value=0.61, low=0.52, high=0.7)


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

    for text in (report.terminal(run), report.markdown(run)):
        assert "No candidate left the race: none was proved to be out of the first 3 places." in " ".join(text.split())


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
