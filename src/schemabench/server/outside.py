"""Objects of a server outside the databases of a run, and their changes during the run.

Owns the list of watched objects, and the text and the remedy of each change. Must not change anything.

A candidate's SQL has all the rights of the role: it may create roles, or change settings of the whole server. On a
temporary server that does no harm; on any other server the changes remain. Objects are identified by their oids, so
that a renamed object is still the same: the report never advises dropping one that existed before the run.
"""

# ruff: noqa: S608 - queries are built from constants of this module alone

import secrets
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from operator import itemgetter

import psycopg
from psycopg import errors
from psycopg.rows import TupleRow

from schemabench.redaction import MASK, hides
from schemabench.server import database

_SALT = secrets.token_hex(16)
"""Known to this process alone, so that a digest of a password reveals nothing."""
_WATCHED = "NOT {} = ANY(%(ours)s::oid[])"
_VALUE = """
    CASE WHEN lower({name}) IN ('local_preload_libraries', 'search_path', 'session_preload_libraries',
                                'shared_preload_libraries', 'temp_tablespaces', 'unix_socket_directories')
              AND {value} <> '' THEN {value}
         ELSE pg_catalog.quote_literal({value}) END"""
"""A setting's value in SQL; lists keep their form."""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """The state of one object or one of its properties, in the form that SQL accepts."""

    name: str
    """The object's current name."""
    value: str
    """The value that may change."""
    part: str
    """Further text for the description, or for creating the object again."""


Standing = Mapping[str, Mapping[str, Fact]]
"""Kind -> key -> fact, for the kinds that our role may see. A key begins with the object's oid, up to a slash."""


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """One kind of fact. In all texts, `{name}`, `{value}` and `{part}` are the fact's."""

    title: str
    query: str
    """Returns a key, a name, a value and a part for each object."""
    made: str
    """Undoes the creation."""
    lost: str
    """Undoes the removal or a change; empty if the removal needs no notice."""
    news: str = "changed to {value}"
    """Describes a change."""
    changed: str = ""
    """Undoes a change, if that differs from `lost`."""
    of: str = ""
    """The kind of the object that it is a property of. If the object is new or gone, its properties are not
    reported."""
    secret: bool = False
    """Whether its value is confidential."""


def _properties(kind: str, query: str) -> _Kind:
    """Return properties that `ALTER` sets: the value is the text after the object's name."""
    return _Kind(
        title=f"{kind} {{name}}", query=query, made="", lost=f"ALTER {kind.upper()} {{name}} {{value}}", of=kind
    )


def _granted(kind: str, objects: str, *, options: bool) -> _Kind:
    """Return the privileges on objects of a kind, or the grant options.

    Args:
        kind: A kind of object that all databases share.
        objects: A query that returns oid, name, owner and privileges.
        options: Whether to return grant options.
    """
    return _Kind(
        title=f"{'grant option for ' if options else ''}privilege {{part}} on {kind} {{name}} for {{value}}",
        query=f"""
            SELECT concat_ws('/', number, grantee, privilege_type), name,
                   CASE grantee WHEN 0 THEN 'PUBLIC'
                                ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
                   privilege_type
            FROM ({objects}) AS thing (number, name, owner, privileges), pg_catalog.aclexplode(privileges)
            WHERE grantee <> owner {"AND is_grantable" if options else ""}""",
        made=f"REVOKE {'GRANT OPTION FOR ' if options else ''}{{part}} ON {kind.upper()} {{name}} FROM {{value}}",
        lost=f"GRANT {{part}} ON {kind.upper()} {{name}} TO {{value}}{' WITH GRANT OPTION' if options else ''}",
        of=kind,
    )


def _comment(kind: str, catalog: str) -> _Kind:
    watched = _WATCHED.format("objoid") if kind == "database" else "true"
    return _Kind(
        title=f"comment on {kind} {{name}}",
        query=f"""
            SELECT objoid::text, identity, pg_catalog.quote_literal(description), ''
            FROM pg_catalog.pg_shdescription, pg_catalog.pg_identify_object(classoid, objoid, 0)
            WHERE classoid = 'pg_catalog.{catalog}'::regclass AND {watched}""",
        made=f"COMMENT ON {kind.upper()} {{name}} IS NULL",
        lost=f"COMMENT ON {kind.upper()} {{name}} IS {{value}}",
        of=kind,
    )


def _membership(*, options: bool) -> _Kind:
    return _Kind(
        title=f"{'admin option for ' if options else ''}membership of {{value}} in {{name}}",
        query=f"""
            SELECT roleid || '/' || member, pg_catalog.quote_ident(role.rolname),
                   pg_catalog.quote_ident(member.rolname), ''
            FROM pg_catalog.pg_auth_members
            JOIN pg_catalog.pg_roles AS member ON member.oid = member
            JOIN pg_catalog.pg_roles AS role ON role.oid = roleid
            {"WHERE admin_option" if options else ""}""",
        made=f"REVOKE {'ADMIN OPTION FOR ' if options else ''}{{name}} FROM {{value}}",
        lost=f"GRANT {{name}} TO {{value}}{' WITH ADMIN OPTION' if options else ''}",
    )


_DATABASES = f"""
    SELECT oid, pg_catalog.quote_ident(datname), datdba,
           coalesce(datacl, pg_catalog.acldefault('d', datdba))
    FROM pg_catalog.pg_database WHERE {_WATCHED.format("oid")}"""
_TABLESPACES = """
    SELECT oid, pg_catalog.quote_ident(spcname), spcowner, coalesce(spcacl, pg_catalog.acldefault('t', spcowner))
    FROM pg_catalog.pg_tablespace"""
_PARAMETERS = "SELECT oid, parname, 10, paracl FROM pg_catalog.pg_parameter_acl"  # the first superuser's

_KINDS: dict[str, _Kind] = {
    "role": _Kind(
        title="role {name}",
        query="""
            SELECT oid::text, pg_catalog.quote_ident(rolname), pg_catalog.quote_ident(rolname),
                   concat_ws(' ', CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
                             CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcanlogin THEN 'LOGIN' END,
                             CASE WHEN rolreplication THEN 'REPLICATION' END,
                             CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, CASE WHEN NOT rolinherit THEN 'NOINHERIT' END,
                             CASE WHEN rolconnlimit <> -1 THEN 'CONNECTION LIMIT ' || rolconnlimit END,
                             'VALID UNTIL ' || pg_catalog.quote_literal(rolvaliduntil))
            FROM pg_catalog.pg_roles""",
        made="DROP ROLE {name}",
        lost="CREATE ROLE {name} {part}",
        news="renamed to {value}",
        changed="ALTER ROLE {name} RENAME TO {value}",
    ),
    "property of a role": _properties(
        "role",
        """
            SELECT oid || '/' || property, pg_catalog.quote_ident(rolname), value, ''
            FROM pg_catalog.pg_roles, LATERAL (VALUES
                ('super', CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END),
                ('createdb', CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END),
                ('createrole', CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END),
                ('login', CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END),
                ('replication', CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END),
                ('bypassrls', CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END),
                ('inherit', CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END),
                ('limit', 'CONNECTION LIMIT ' || rolconnlimit),
                ('valid', 'VALID UNTIL ' || pg_catalog.quote_literal(coalesce(rolvaliduntil, 'infinity')))
            ) AS properties (property, value)""",
    ),
    "password": _Kind(
        title="password of role {name}",
        query="""
            SELECT oid::text, pg_catalog.quote_ident(rolname),
                   pg_catalog.sha256(pg_catalog.convert_to(%(salt)s || rolpassword, 'UTF8'))::text, ''
            FROM pg_catalog.pg_authid WHERE rolpassword IS NOT NULL""",
        made="ALTER ROLE {name} PASSWORD NULL",
        lost="ALTER ROLE {name} PASSWORD with the old one, which only its owner knows",
        news="changed",
        of="role",
        secret=True,
    ),
    "membership": _membership(options=False),
    "admin option": _membership(options=True),
    "setting": _Kind(
        title="setting {part} of {name}",
        query=f"""
            SELECT concat_ws('/', setrole, setdatabase, part),
                   concat_ws(' IN ', coalesce('ROLE ' || pg_catalog.quote_ident(rolname),
                                              CASE WHEN setdatabase = 0 THEN 'ROLE ALL' END),
                             'DATABASE ' || pg_catalog.quote_ident(datname)),
                   {_VALUE.format(name="part", value="value")}, part
            FROM pg_catalog.pg_db_role_setting
            LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = setrole
            LEFT JOIN pg_catalog.pg_database AS database ON database.oid = setdatabase,
            pg_catalog.unnest(setconfig) AS entry,
            LATERAL (SELECT split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)) AS split (part, value)
            WHERE {_WATCHED.format("setdatabase")}""",
        made="ALTER {name} RESET {part}",
        lost="ALTER {name} SET {part} = {value}",
    ),
    "tablespace": _Kind(
        title="tablespace {name}",
        query="""
            SELECT oid::text, pg_catalog.quote_ident(spcname), pg_catalog.quote_ident(spcname),
                   pg_catalog.quote_literal(pg_catalog.pg_tablespace_location(oid))
            FROM pg_catalog.pg_tablespace""",
        made="DROP TABLESPACE {name}",
        lost="CREATE TABLESPACE {name} LOCATION {part}",
        news="renamed to {value}",
        changed="ALTER TABLESPACE {name} RENAME TO {value}",
    ),
    "property of a tablespace": _properties(
        "tablespace",
        """
            SELECT oid::text, pg_catalog.quote_ident(spcname),
                   'OWNER TO ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(spcowner)), ''
            FROM pg_catalog.pg_tablespace""",
    ),
    "option of a tablespace": _Kind(
        title="option {part} of tablespace {name}",
        query="""
            SELECT oid || '/' || split_part(entry, '=', 1), pg_catalog.quote_ident(spcname),
                   substr(entry, strpos(entry, '=') + 1), split_part(entry, '=', 1)
            FROM pg_catalog.pg_tablespace, pg_catalog.unnest(spcoptions) AS entry""",
        made="ALTER TABLESPACE {name} RESET ({part})",
        lost="ALTER TABLESPACE {name} SET ({part} = {value})",
        of="tablespace",
    ),
    "database": _Kind(
        title="database {name}",
        query=f"""
            SELECT oid::text, pg_catalog.quote_ident(datname), pg_catalog.quote_ident(datname), ''
            FROM pg_catalog.pg_database WHERE {_WATCHED.format("oid")}""",
        made="DROP DATABASE {name}",
        lost="restore {name} from a backup",
        news="renamed to {value}",
        changed="ALTER DATABASE {name} RENAME TO {value}",
    ),
    "property of a database": _properties(
        "database",
        f"""
            SELECT database.oid || '/' || property, pg_catalog.quote_ident(datname), value, ''
            FROM pg_catalog.pg_database AS database
            JOIN pg_catalog.pg_tablespace AS space ON space.oid = dattablespace, LATERAL (VALUES
                ('owner', 'OWNER TO ' || pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(datdba))),
                ('limit', 'CONNECTION LIMIT ' || datconnlimit),
                ('open', 'ALLOW_CONNECTIONS ' || datallowconn),
                ('template', 'IS_TEMPLATE ' || datistemplate),
                ('space', 'SET TABLESPACE ' || pg_catalog.quote_ident(spcname))
            ) AS properties (property, value)
            WHERE {_WATCHED.format("database.oid")}""",
    ),
    "privilege on a database": _granted("database", _DATABASES, options=False),
    "grant option on a database": _granted("database", _DATABASES, options=True),
    "privilege on a tablespace": _granted("tablespace", _TABLESPACES, options=False),
    "grant option on a tablespace": _granted("tablespace", _TABLESPACES, options=True),
    "privilege on a parameter": _granted("parameter", _PARAMETERS, options=False),
    "grant option on a parameter": _granted("parameter", _PARAMETERS, options=True),
    "comment on a role": _comment("role", "pg_authid"),
    "comment on a database": _comment("database", "pg_database"),
    "comment on a tablespace": _comment("tablespace", "pg_tablespace"),
    "replication slot": _Kind(
        title="replication slot {name}",
        query=f"""
            SELECT slot_name, slot_name, concat_ws(' ', slot_type, plugin, database),
                   pg_catalog.quote_literal(slot_name)
            FROM pg_catalog.pg_replication_slots
            WHERE NOT temporary AND {_WATCHED.format("coalesce(datoid, 0)")}""",
        made="SELECT pg_drop_replication_slot({part})",
        lost="create it again as it was: {value}; its consumer has lost its position",
    ),
    "replication origin": _Kind(
        title="replication origin {name}",
        query=f"""
            SELECT roident::text, roname, '', pg_catalog.quote_literal(roname)
            FROM pg_catalog.pg_replication_origin
            WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_subscription AS subscription
                              WHERE roname = 'pg_' || subscription.oid AND NOT {_WATCHED.format("subdbid")})""",
        made="SELECT pg_replication_origin_drop({part})",
        lost="SELECT pg_replication_origin_create({part})",
    ),
    "subscription": _Kind(
        title="subscription {name} of database {part}",
        query=f"""
            SELECT subscription.oid::text, pg_catalog.quote_ident(subname), pg_catalog.quote_ident(subname),
                   pg_catalog.quote_ident(datname)
            FROM pg_catalog.pg_subscription AS subscription
            JOIN pg_catalog.pg_database AS database ON database.oid = subdbid
            WHERE {_WATCHED.format("subdbid")}""",
        made="DROP SUBSCRIPTION {name}, in {part}",
        lost="CREATE SUBSCRIPTION {name}, in {part}",
        news="renamed to {value}",
        changed="ALTER SUBSCRIPTION {name} RENAME TO {value}, in {part}",
    ),
    "prepared transaction": _Kind(
        title="prepared transaction {name} of database {part}",
        query=f"""
            SELECT gid, pg_catalog.quote_literal(gid), '', pg_catalog.quote_ident(datname)
            FROM pg_catalog.pg_prepared_xacts
            JOIN pg_catalog.pg_database AS known ON datname = pg_prepared_xacts.database
            WHERE {_WATCHED.format("known.oid")}""",
        made="ROLLBACK PREPARED {name}, in {part}, unless it is about to be committed",
        lost="",
    ),
    "setting of the server": _Kind(
        title="setting {name} of the server",
        query=f"""
            SELECT name, name, {_VALUE.format(name="name", value="setting")}, name
            FROM pg_catalog.pg_file_settings WHERE sourcefile LIKE '%%postgresql.auto.conf'""",
        made="ALTER SYSTEM RESET {name}; SELECT pg_reload_conf()",
        lost="ALTER SYSTEM SET {name} = {value}; SELECT pg_reload_conf()",
    ),
}
"""In the order in which their changes are reported and undone: a role exists again before it owns anything."""


def look(session: psycopg.Connection[TupleRow], before: Standing | None = None) -> Standing:
    """Return a server's objects outside the databases of runs.

    Args:
        session: A session in any database of the server.
        before: An earlier result: a database that did not belong to a run then does not belong to one now, even with a
            mark.
    """
    known = (before or {}).get("database", {})
    ours = [oid for oid in database.ours(session) if str(oid) not in known]
    found: dict[str, dict[str, Fact]] = {}
    for title, kind in _KINDS.items():
        try:
            rows = session.execute(kind.query, {"ours": ours, "salt": _SALT}).fetchall()
        except (errors.InsufficientPrivilege, errors.UndefinedTable):
            continue  # a role that may not see it may not change it; and not every version has every catalog
        found[title] = {key: Fact(name=name, value=value or "", part=part or "") for key, name, value, part in rows}
    return found


def changes(before: Standing, after: Standing) -> list[str]:
    """Return the changes between two results of `look`, each with its remedy, in the order in which to undo them."""
    told = [one for title in _KINDS if title in before and title in after for one in _told(title, before, after)]
    return [text for _, text in sorted(told, key=itemgetter(0))]


def _told(title: str, before: Standing, after: Standing) -> Iterator[tuple[bool, str]]:
    """Yield the changes of one kind; the flag marks a renaming: other changes are undone under the new name."""
    kind, old, new = _KINDS[title], before[title], after[title]
    for key in sorted(old.keys() | new.keys()):
        thing = key.partition("/")[0]
        then, now = old.get(key), new.get(key)
        if kind.of in before and not (thing in before[kind.of] and thing in after.get(kind.of, {})):
            continue
        if then is None and now is not None:
            yield False, _worded(kind, now, "new", kind.made, now.name)
        elif now is None and then is not None and kind.lost:
            name = after[kind.of][thing].name if kind.of in after else then.name
            yield False, _worded(kind, then, "gone", kind.lost, name)
        elif then is not None and now is not None and then.value != now.value:
            was = "" if kind.secret or kind.changed else ", and was {value}"
            news = kind.news.format(**_shown(now)) + was.format(**_shown(then))
            yield bool(kind.changed), _worded(kind, then, news, kind.changed or kind.lost, now.name)


def _worded(kind: _Kind, fact: Fact, news: str, undone: str, name: str) -> str:
    """Return the text of a change.

    Args:
        kind: The kind of the changed object.
        fact: Its old state; its current state if it is new.
        news: What happened to it.
        undone: The remedy.
        name: Its current name.
    """
    shown = _shown(fact)
    text = f"{kind.title.format(**shown)} is {news}; to undo: {undone.format(**shown | {'name': name})}".rstrip()
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def _shown(fact: Fact) -> dict[str, str]:
    """Return the fields of a fact, with possible secrets masked."""
    return asdict(replace(fact, value=MASK) if hides(fact.part) else fact)
