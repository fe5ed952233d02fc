"""Shops that rent films, and the clerks' and the site's traffic through an ORM."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from psycopg import Connection
from sqlalchemy import func, select, text
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import DeclarativeBase, Session, relationship, selectinload

from schemabench.values import Zipf

STORES, STAFF, CUSTOMERS, FILMS, ACTORS, COPIES, RENTALS = 5, 20, 1_500, 1_000, 200, 4_500, 16_000
POPULAR = Zipf(0.8)
"""How often each film is asked for, the first one most."""
REGULAR = Zipf(0.7)
"""How often each customer comes."""
FIRST, LAST = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 4, 28, tzinfo=UTC)
RATINGS = ("all", "guided", "teens", "grown_ups")
WORDS = ("river", "ghost", "summer", "iron", "lost", "garden", "night", "train", "silver", "winter", "island", "letter")
MIX = {
    "look_at_film": 30,
    "search": 12,
    "films_of_genre": 8,
    "copies_of_film": 14,
    "account": 15,
    "rent": 10,
    "give_back": 9,
    "rename": 2,
    "restock": 1,
    "newest_payments": 5,
    "in_stock": 6,
    "films_of_actor": 4,
    "page_of_customers": 2,
    "totals": 1,
}
"""What people do, with weights."""


class Base(DeferredReflection, DeclarativeBase):
    """What the application calls a table; columns are read from the database."""


class Film(Base):
    """A film, with its genres and actors."""

    __tablename__ = "film"
    actors = relationship("Actor", secondary="film_actor", viewonly=True)


class Actor(Base):
    """Who plays in films."""

    __tablename__ = "actor"


class Inventory(Base):
    """One copy of a film."""

    __tablename__ = "inventory"


class Customer(Base):
    """Who rents."""

    __tablename__ = "customer"
    address = relationship("Address")


class Address(Base):
    """Where a customer lives."""

    __tablename__ = "address"


class Rental(Base):
    """A copy that a customer has or had."""

    __tablename__ = "rental"


class Payment(Base):
    """What was paid for a rental."""

    __tablename__ = "payment"
    __mapper_args__ = {"primary_key": ["payment_id"]}  # noqa: RUF012 (as the ORM wants it)


def fill(connection: Connection[Any], random: Random) -> None:
    """Make the rows."""
    copied = _Copier(connection)
    copied("language (name)", [(one,) for one in ("English", "French", "German", "Italian", "Japanese", "Mandarin")])
    copied("country (name)", [(f"Country {n}",) for n in range(60)])
    copied("city (name, country_id)", [(f"City {n}", random.randint(1, 60)) for n in range(300)])
    places = [
        (
            f"{n} {random.choice(WORDS).title()} Road",
            f"District {n % 90}",
            random.randint(1, 300),
            f"{n:05}",
            f"5550{n}",
        )
        for n in range(CUSTOMERS + STAFF + STORES)
    ]
    copied("address (line, district, city_id, postal_code, phone)", places)
    with connection.transaction():
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        copied("store (manager_id, address_id)", [(n, n) for n in range(1, STORES + 1)])
        staff = [("Sam", f"Clerk {n}", n, 1 + n % STORES, f"login{n}", None) for n in range(1, STAFF + 1)]
        copied("staff (first_name, last_name, address_id, store_id, login, picture)", staff)
    customers = [
        (
            random.randint(1, STORES),
            f"First{n % 70}",
            f"Last{n % 400}",
            f"c{n}@mail.example",
            n + 25,
            random.random() < 0.97,
        )
        for n in range(1, CUSTOMERS + 1)
    ]
    copied("customer (store_id, first_name, last_name, email, address_id, active)", customers)
    copied("genre (name)", [(f"Genre {n}",) for n in range(16)])
    copied("actor (first_name, last_name)", [(f"Ann{n % 50}", f"Player{n}") for n in range(ACTORS)])
    copied(
        "film (title, description, released, language_id, minutes, replacement_cost, rating, extras)", _films(random)
    )
    played = {(random.randint(1, ACTORS), film) for film in range(1, FILMS + 1) for _ in range(5)}
    copied("film_actor (actor_id, film_id)", sorted(played))
    copied("film_genre (film_id, genre_id)", [(film, random.randint(1, 16)) for film in range(1, FILMS + 1)])
    copies = [(film(random), random.randint(1, STORES)) for _ in range(COPIES)]
    copied("inventory (film_id, store_id)", copies)
    rentals = sorted((_time(random), random.randint(1, COPIES), customer(random)) for _ in range(RENTALS))
    rented = [(at, copy, who, _returned(at, random), random.randint(1, STAFF)) for at, copy, who in rentals]
    copied("rental (rented_at, inventory_id, customer_id, returned_at, staff_id)", rented)
    paid = [
        (who, staff, rental, random.choice(["0.99", "2.99", "4.99", "4.99", "7.50"]), at)
        for rental, (at, _, who, _, staff) in enumerate(rented, start=1)
    ]
    copied("payment (customer_id, staff_id, rental_id, amount, paid_at)", paid)
    connection.execute("REFRESH MATERIALIZED VIEW sales_by_genre")


def film(random: Random) -> int:
    """Return a film, the popular ones more often."""
    return 1 + POPULAR.draw(FILMS, random)


def customer(random: Random) -> int:
    """Return a customer, the regular ones more often."""
    return 1 + REGULAR.draw(CUSTOMERS, random)


class _Copier:
    """Copies rows into tables."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.connection = connection

    def __call__(self, target: str, rows: list[tuple[Any, ...]]) -> None:
        with self.connection.cursor().copy(f"COPY {target} FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)


def _films(random: Random) -> list[tuple[Any, ...]]:
    return [
        (
            " ".join(random.sample(WORDS, 2)).title(),
            f"A tale of a {' and a '.join(random.sample(WORDS, 3))}",
            random.randint(1950, 2026),
            random.choices(range(1, 7), [90, 3, 2, 2, 2, 1])[0],
            random.randint(46, 185),
            f"{random.randint(9, 29)}.99",
            random.choices(RATINGS, [20, 20, 25, 35])[0],
            random.sample(["trailers", "comments", "scenes"], random.randint(1, 3)),
        )
        for _ in range(FILMS)
    ]


def _time(random: Random) -> datetime:
    return FIRST + (LAST - FIRST) * random.random()


def _returned(at: datetime, random: Random) -> datetime | None:
    back = at + timedelta(days=random.randint(1, 9))
    return back if back < LAST else None


def _look_at_film(session: Session, random: Random) -> None:
    session.get(Film, film(random), options=[selectinload(Film.actors)])


def _search(session: Session, random: Random) -> None:
    query = func.plainto_tsquery("english", " ".join(random.sample(WORDS, random.randint(1, 2))))
    ranked = func.ts_rank(Film.document, query).desc()
    session.scalars(select(Film).where(Film.document.op("@@")(query)).order_by(ranked).limit(20)).all()


def _films_of_genre(session: Session, random: Random) -> None:
    query = """
        SELECT film_id, title FROM film JOIN film_genre USING (film_id) JOIN genre g USING (genre_id)
        WHERE g.name = :name AND rating IN (:a, :b) ORDER BY title LIMIT 20 OFFSET :offset
    """
    values = {"name": f"Genre {random.randrange(16)}", "a": "all", "b": "guided", "offset": random.choice([0, 0, 20])}
    session.execute(text(query), values).all()


def _copies_of_film(session: Session, random: Random) -> None:
    query = select(Inventory).where(Inventory.film_id == film(random), Inventory.store_id == random.randint(1, STORES))
    session.scalars(query).all()


def _account(session: Session, random: Random) -> None:
    who = customer(random)
    session.get(Customer, who)
    rentals = select(Rental).where(Rental.customer_id == who).order_by(Rental.rented_at.desc()).limit(10)
    copies = {one.inventory_id for one in session.scalars(rentals)}
    if copies:
        session.scalars(select(Inventory).where(Inventory.inventory_id.in_(copies))).all()
    if random.random() < 0.2:
        session.scalar(select(func.balance_of(who, LAST)))


def _rent(session: Session, random: Random) -> None:
    at, who = LAST + timedelta(seconds=session.info["tick"]), customer(random)
    rental = Rental(
        rented_at=at, inventory_id=random.randint(1, COPIES), customer_id=who, staff_id=random.randint(1, STAFF)
    )
    session.add(rental)
    session.flush()
    session.add(
        Payment(customer_id=who, staff_id=rental.staff_id, rental_id=rental.rental_id, amount="4.99", paid_at=at)
    )


def _give_back(session: Session, random: Random) -> None:
    query = select(Rental).where(Rental.customer_id == customer(random), Rental.returned_at.is_(None)).limit(3)
    for rental in session.scalars(query.with_for_update()):
        rental.returned_at = LAST + timedelta(seconds=session.info["tick"])


def _rename(session: Session, random: Random) -> None:
    who = session.get_one(Customer, customer(random))
    who.email = f"new{random.randrange(10**6)}@mail.example"
    who.address.phone = f"555{random.randrange(10**5)}"


def _restock(session: Session, random: Random) -> None:
    which, store = film(random), random.randint(1, STORES)
    session.add_all([Inventory(film_id=which, store_id=store) for _ in range(random.randint(2, 6))])


def _newest_payments(session: Session, random: Random) -> None:
    last = _time(random)
    query = select(Payment).where(
        Payment.staff_id == random.randint(1, STAFF), Payment.paid_at.between(last - timedelta(days=3), last)
    )
    session.scalars(query.order_by(Payment.paid_at.desc()).limit(50)).all()


def _in_stock(session: Session, random: Random) -> None:
    session.scalar(select(func.is_in_stock(random.randint(1, COPIES))))


def _films_of_actor(session: Session, random: Random) -> None:
    query = select(Film).join(Film.actors).where(Actor.actor_id == random.randint(1, ACTORS)).order_by(Film.title)
    session.scalars(query).all()


def _page_of_customers(session: Session, random: Random) -> None:
    query = (
        select(Customer)
        .where(Customer.store_id == random.randint(1, STORES), Customer.active)
        .order_by(Customer.last_name)
    )
    session.scalars(query.limit(25).offset(25 * random.randrange(4))).all()


def _totals(session: Session, random: Random) -> None:
    month = datetime(2026, random.randint(1, 4), 1, tzinfo=UTC)
    paid = func.date_trunc("day", Payment.paid_at)
    query = select(paid, func.sum(Payment.amount)).where(
        Payment.paid_at >= month, Payment.paid_at < month + timedelta(28)
    )
    session.execute(query.group_by(paid)).all()


DONE: dict[str, Callable[[Session, Random], None]] = {name: globals()[f"_{name}"] for name in MIX}
