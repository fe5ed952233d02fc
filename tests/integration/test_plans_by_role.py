"""Plans are asked for as the role that executes the operation: row-level security and grants go by the role."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from laboratory import Sizes, found, installable
from psycopg import sql

from schemabench import Call, Workload, Writer
from schemabench.encoding import Encoder
from schemabench.experiment import filling, planning
from schemabench.experiment.burst import Encoded
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.monitor.nodes import outline
from schemabench.server import Server, opened, several

ROLES = ("tenant a", "tenant b")
SCHEMA = """\
CREATE TABLE note (tenant text NOT NULL, body text NOT NULL);
ALTER TABLE note ENABLE ROW LEVEL SECURITY;
CREATE POLICY first ON note TO "tenant a" USING (tenant = 'a');
CREATE POLICY second ON note TO "tenant b" USING (tenant = 'b');
GRANT SELECT ON note TO "tenant a", "tenant b";
CREATE TABLE secret (id int);
GRANT SELECT ON secret TO "tenant b";
"""
OPERATIONS = """\
-- name: notes
SELECT body FROM note;
-- name: secrets
SELECT id FROM secret;
"""
WRITERS = [Writer(name=role, kind="reader", weight=1, clients=1, role=role) for role in ROLES]


@pytest.fixture
def template(server: Server, tmp_path: Path) -> Iterator[Template]:
    """Build a candidate with a policy for each role, and a table that only the second one may read."""
    server.provide(ROLES)
    workload = Workload(
        name="notes",
        summary="two tenants",
        cardinalities={"typical": Sizes()},
        writers=lambda _: WRITERS,
        burst=lambda *_: iter(lambda: Call("notes", {}, rows=0), None),
    )
    (candidate,) = installable(tmp_path / "schemas", {"baseline": SCHEMA})
    template = filling.build(candidate, found(tmp_path, workload, OPERATIONS).operations, server, [])
    yield template
    several.drop(server, template.databases)
    with opened(server.conninfo) as admin:
        for role in ROLES:
            admin.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def _calls(template: Template) -> list[tuple[Writer, Encoded]]:
    """Return what the first role reads, and then what the second one does."""
    encode = Encoder(template.operations)
    first, second = WRITERS
    return [
        (writer, Encoded(number, operation, encode(operation, {}), writer.name))
        for number, (writer, operation) in enumerate([(first, "notes"), (second, "notes"), (second, "secrets")])
    ]


def test_a_plan_is_asked_for_in_a_session_of_the_role_that_executes_the_call(template: Template) -> None:
    calls = _calls(template)
    with closing(Sessions(template, template.databases, WRITERS[:1])) as sessions:  # the others are another worker's
        seen = [sessions.ready(writer, call)[0].query("SELECT current_user").get_value(0, 0) for writer, call in calls]

    assert seen == [b"tenant a", b"tenant b", b"tenant b"]


def test_what_a_new_connection_would_choose_is_asked_as_each_role(template: Template) -> None:
    notes, _, secrets = _calls(template)
    found = planning.chosen(template, template.databases, [notes, secrets])

    assert set(found) == {("notes", 0), ("secrets", 0)}, "the first role may not read what the second one reads"
    (_, others, _) = _calls(template)
    filters = [
        re.findall(r"tenant = '(\w)'", str(planning.chosen(template, template.databases, some)["notes", 0].custom))
        for some in ([notes], [others], [secrets, notes], [secrets, others])
    ]
    assert filters == [["a"], ["b"], ["a"], ["b"]]
    assert outline(found["notes", 0].custom)
