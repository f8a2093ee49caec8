"""What is compared, what is left out, and that a difference is found; Druid is another table of the same kind here."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from pyglue.errors import BadAnswer, PyglueError
from pyglue.pipeline.druid import Druid
from pyglue.traffic import crowd, faults, truth, verify
from pyglue.traffic.ledger import Ledger
from pyglue.traffic.truth import Made, Sent
from pyglue.traffic.verify import Evidence, Finding

NOW = 1_760_000_000_000
TABLE = "divolte-clickstream"
SHARES = dict.fromkeys(faults.SHARES, 0.03)


class FakeDruid:
    """Rows that answer SQL."""

    def __init__(self, rows: list[Sent]) -> None:
        self._table = Ledger(TABLE, rows, Made("", 1, 1.0, 1, NOW, history=False))

    def sql(self, query: str, **_: object) -> list[dict[str, Any]]:
        """As Druid has it; the rows are in one place here."""
        return self._table.ask(query.replace(f'FROM "{TABLE}"', f'FROM "druid"."{TABLE}"'))

    def sql_row(self, query: str, _columns: object, **_: object) -> dict[str, Any]:
        """The one row of a count."""
        return self.sql(query)[0]


def write(file: Path, *, whole: bool, lost: float = 0.0) -> list[Sent]:
    """Three minutes of traffic of a visitor's run in a file; returns the requests."""
    chance = random.Random(3)  # noqa: S311 - no secret
    found = faults.deliveries(crowd.actions(2, 3000, NOW, NOW + 180_000, 20.0, run="run01x"), 2, SHARES)
    with file.open("w") as out:
        truth.begin(out, Made("run01x", 2, 20.0, 3000, NOW, history=False))
        for delivery in found:
            status = 503 if chance.random() < lost else 200
            out.write(truth.line(delivery, delivery.at_ms, delivery.at_ms + chance.randrange(3, 400), status))
        if whole:
            truth.end(out, NOW + 181_000)
    return list(truth.read(file).requests())


def findings(rows: list[Sent], evidence: Evidence) -> dict[str, Finding]:
    """What differs between these rows and the evidence, by title."""
    druid = cast(Druid, FakeDruid([row for row in rows if row.fault != "unreadable"]))
    return {one.title: one for one in verify.against_druid(druid, evidence) if one.differences}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "truth.tsv"


def test_all_is_the_same(file: Path) -> None:
    """Druid has what was recorded, and nothing else of this run."""
    rows = write(file, whole=True)
    with Evidence(file, TABLE) as evidence:
        assert findings(rows, evidence) == {}
        assert evidence.compared == sum(row.recorded for row in rows) > 3000
        assert evidence.left_out == 0


def test_other_visitors_do_no_harm(file: Path, tmp_path: Path) -> None:
    """Rows of another run are not asked for."""
    rows = write(file, whole=True)
    others = write(tmp_path / "other.tsv", whole=True)
    for row in others:
        row.party = row.party.replace("run01x", "run02x")
    with Evidence(file, TABLE) as evidence:
        assert findings(rows + others, evidence) == {}


@pytest.mark.parametrize("kept", [0, 1])
def test_what_nobody_knows_is_left_out(file: Path, kept: int) -> None:
    """A refused request may have left a record or none: both are fine, and nothing else is."""
    rows = write(file, whole=True, lost=0.05)
    there = [row for row in rows if row.status == 200 or kept]
    with Evidence(file, TABLE) as evidence:
        assert evidence.left_out > 50
        assert findings(there, evidence) == {}
        assert "events" in findings(there[5:], evidence)


def test_traffic_that_goes_on(file: Path) -> None:
    """What is younger than the last line by less than the patience for an answer is not compared, whether it is there."""
    rows = write(file, whole=False)
    with Evidence(file, TABLE) as evidence:
        assert evidence.cut_ms is not None
        young = [row for row in rows if row.sent_ms > evidence.cut_ms]
        assert len(young) > 100
        assert 2000 < evidence.compared < len(rows)
        assert findings(rows, evidence) == {}
        assert findings([row for row in rows if row not in young], evidence) == {}


def changed(**values: Any) -> Callable[[Sent], None]:
    def change(row: Sent) -> None:
        for name, value in values.items():
            setattr(row, name, value)

    return change


@pytest.mark.parametrize(
    ("change", "titles"),
    [
        (changed(type="other"), {"events by type"}),
        (changed(technology="Cobol"), {"technologies"}),
        (changed(variant="C"), {"variants of the test"}),
        (changed(location="https://shop.example/nowhere"), {"pages"}),
        (changed(referrer="https://nowhere.example/"), {"referrers"}),
        (changed(location="https://shop.example/?utm_source=x"), {"campaigns"}),
        (changed(browser="Mosaic"), {"browsers"}),
        (changed(device="Toaster"), {"devices"}),
        (changed(width=601), {"window classes"}),
        (changed(robot="user agent"), {"robots by reason", "robots, one by one"}),
        (changed(fault="corrupt"), {"corrupt events"}),
        (changed(client_ms=NOW - 7_200_000), {"events by hour", "late, and ahead of our clock"}),
        (changed(client_ms=NOW + 3_900_000), {"events by hour", "late, and ahead of our clock"}),
    ],
)
def test_one_changed_row_is_found(file: Path, change: Callable[[Sent], None], titles: set[str]) -> None:
    """Whatever is wrong with it, the comparison that is about it says so."""
    rows = write(file, whole=True)
    plain = [row for row in rows if not row.fault and not row.robot and not row.first and row.width < 600]
    change(next(row for row in plain if row.type == "click"))
    with Evidence(file, TABLE) as evidence:
        assert titles <= findings(rows, evidence).keys()


def test_robots_are_found_one_by_one(file: Path) -> None:
    """A human who is taken for a robot and a robot that is missed are both named."""
    rows = write(file, whole=True)
    robot = next(row.party for row in rows if row.robot == "user agent")
    human = next(row.party for row in rows if not row.robot)
    for row in rows:
        row.robot = {robot: "", human: "user agent"}.get(row.party, row.robot)
    with Evidence(file, TABLE) as evidence:
        found = findings(rows, evidence)["robots, one by one"]
    assert sorted(found.differences) == sorted(
        [f"{human}: a human, taken for a robot", f"{robot}: a robot that says so, not flagged"]
    )


def test_sketches_may_be_off_by_what_they_state(file: Path) -> None:
    """Every fifth visitor missing is more than that."""
    rows = write(file, whole=True)
    parties = sorted({row.party for row in rows})
    with Evidence(file, TABLE) as evidence:
        gone = set(parties[::5])
        assert "visitors, by a sketch" in findings([row for row in rows if row.party not in gone], evidence)


def test_waiting_for_rows(file: Path) -> None:
    """It ends when the last one is there, or when no more come for a while, and says how many there are."""
    rows = [row for row in write(file, whole=True) if row.recorded]
    told: list[int] = []

    def wait(rows: list[Sent], seconds: float) -> int:
        druid = cast(Druid, FakeDruid(rows))
        where = verify.of_run("run01x")
        return verify.await_rows(druid, TABLE, where, 3000, seconds, lambda _: None, told.append)

    assert wait(rows, 1.0) == len(rows)
    assert told == []
    with pytest.raises(PyglueError, match="Druid has 2,999 of 3,000 rows, and for 0 s no new one"):
        wait(rows[:2999], 0.0)
    assert told[-1] == 2999


def test_a_druid_that_can_not_answer_is_waited_for() -> None:
    """While it starts anew it knows no datasource; its last words are told when the time is over."""

    class Starting:
        asked = 0

        def sql_row(self, _query: str, _columns: object, **_: object) -> dict[str, Any]:
            self.asked += 1
            if self.asked < 3:
                raise BadAnswer("druid-broker answered 400 Bad Request", details=["not found"])
            return {"n": 7}

    druid = cast(Druid, Starting())
    assert verify.await_rows(druid, TABLE, "TRUE", 7, 60.0, lambda _: None, lambda _: None) == 7
    with pytest.raises(PyglueError) as caught:
        verify.await_rows(cast(Druid, Starting()), TABLE, "TRUE", 7, -1.0, lambda _: None, lambda _: None)
    assert caught.value.details == ["druid-broker answered 400 Bad Request", "not found"]
