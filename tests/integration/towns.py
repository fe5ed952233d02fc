"""Commands of noise against a server: in this process, or in one that can be killed."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import programs
import psycopg
import pytest
from programs import Program
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from schemabench import cli
from schemabench.noise import datamodel, making, reading
from schemabench.noise import model as models
from schemabench.noise.datamodel import DataModel
from schemabench.noise.entities import ENTITIES
from schemabench.noise.model import Model
from schemabench.server.dsn import with_words

LIMIT_S = 120
"""No command takes longer, however busy the machine is."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Towns:
    """A database, and a folder for models."""

    conninfo: str = field(repr=False)
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def model(self, organisations: int, name: str = "noise.json", seed: int = 1) -> Path:
        """Write a small model; return its path."""
        return self._written(datamodel.load(None, sample=True), organisations, name, seed)

    def model_of(self, data_model: Path, organisations: int) -> Path:
        """Write a model of a data model; return its path."""
        return self._written(datamodel.load(data_model), organisations, "own.json", seed=1)

    def _written(self, data: DataModel, organisations: int, name: str, seed: int) -> Path:
        path = self.folder / name
        path.write_bytes(models.dumped(making.make(data, seed=seed, organisations=organisations)))
        return path

    @staticmethod
    def read(path: Path) -> Model:
        """Return the model in a file."""
        return reading.read(path)

    def say(self, *words: str | Path, conninfo: str = "") -> Said:
        """Execute a command in this process; see that it shows neither a traceback nor a password."""
        self.capsys.readouterr()
        verb, *rest = map(str, words)
        place = ["--from" if verb == "fit" else "--postgres", conninfo or self.conninfo]
        try:
            status = cli.main(["noise", verb, *place, *rest])
        except SystemExit as ended:
            status = int(str(ended.code))
        printed = self.capsys.readouterr()
        assert "Traceback" not in printed.err
        for one in (self.conninfo, conninfo):
            password = str(conninfo_to_dict(one).get("password", "")) if one else ""
            assert not password or password not in printed.out + printed.err
        return Said(status=status, out=printed.out, err=printed.err)

    def do(self, *words: str | Path, conninfo: str = "") -> str:
        """Execute a command that succeeds; return what it printed."""
        said = self.say(*words, conninfo=conninfo)
        assert said.status == 0, said.out + said.err
        return said.out

    def refused(self, *words: str | Path, conninfo: str = "") -> str:
        """Execute a command that ends with an error; return that."""
        said = self.say(*words, conninfo=conninfo)
        assert said.status == 2, said.out + said.err
        return said.err

    def start(self, *words: str | Path, stdout: int | TextIO = subprocess.PIPE) -> Program:
        """Start a command in a process of its own."""
        verb, *rest = words
        command = [sys.executable, "-m", "schemabench", "noise", verb, *rest, "--postgres", self.conninfo]
        return programs.start(command, limit_s=LIMIT_S, stdout=stdout, stderr=subprocess.PIPE, text=True)

    def open(self) -> "psycopg.Connection[tuple[object, ...]]":
        """Open a session of the test's own, in autocommit mode."""
        return psycopg.connect(self.conninfo, autocommit=True)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Return the rows of a query."""
        with self.open() as session:
            return session.execute(query.encode()).fetchall()

    def change(self, *statements: str) -> None:
        """Execute statements."""
        with self.open() as session:
            for statement in statements:
                session.execute(statement.encode())

    def held(self, schema: str = "ghost") -> dict[str, Sequence[object]]:
        """Return all rows of a town, table by table."""
        with self.open() as session:
            query = "SELECT * FROM {} AS one ORDER BY one"
            return {
                name: session.execute(sql.SQL(query).format(sql.Identifier(schema, name))).fetchall()
                for name in ENTITIES
            }

    def sessions(self) -> int:
        """Return how many sessions of noise the server has."""
        query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'schemabench noise'"
        return int(str(self.rows(query)[0][0]))

    def role(self, name: str) -> str:
        """Make a role that owns nothing, until the server ends; return the conninfo of its sessions."""
        password = f"secret-of-{name}"
        with self.open() as session:
            if session.execute("SELECT FROM pg_roles WHERE rolname = %s", [name]).fetchone() is None:
                statement = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                session.execute(statement.format(sql.Identifier(name), sql.Literal(password)))
        return with_words(self.conninfo, user=name, password=password)
