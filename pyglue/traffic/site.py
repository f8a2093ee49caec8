"""The pretended site: its technologies and how popular each is, its pages, where visitors come from, the sign-up."""

from __future__ import annotations

from dataclasses import dataclass

ORIGIN = "https://shop.example"


@dataclass(frozen=True)
class Share:
    """A name and how often it is chosen, against the others of its list."""

    name: str
    weight: float


# As the sample page shows them; the weights are invented, and far enough apart to be told apart on a chart.
TECHNOLOGIES = (
    Share("Kafka", 30),
    Share("Spark", 20),
    Share("Airflow", 16),
    Share("Druid", 12),
    Share("Superset", 10),
    Share("MariaDB", 7),
    Share("Divolte", 5),
)
REFERRERS = (
    Share("", 42),  # typed, or a bookmark
    Share("https://www.google.com/", 30),
    Share("https://news.ycombinator.com/", 9),
    Share("https://www.linkedin.com/", 8),
    Share("https://duckduckgo.com/", 6),
    Share("https://github.com/", 5),
)


@dataclass(frozen=True)
class Campaign:
    """The parameters that an advertisement's link carries."""

    source: str
    medium: str
    name: str
    weight: float


CAMPAIGNS = (
    Campaign("newsletter", "email", "autumn", 5),
    Campaign("google", "cpc", "streams", 4),
    Campaign("linkedin", "social", "meetup", 2),
)
CAMPAIGN_SHARE = 0.18  # of all visits
LANDINGS = (
    Share("/", 45),
    Share("/technologies", 25),
    Share("/blog/what-is-a-log", 18),
    Share("/pricing", 12),
)
# The sign-up's steps, each with the part of visitors that goes on to the next.
FUNNEL = (
    (("/sign-up", 0.62)),
    ("/sign-up/address", 0.71),
    ("/sign-up/confirm", 0.84),
    ("/sign-up/done", 0.0),
)
VARIANTS = ("A", "B")
START_OF_FUNNEL = {"A": 0.10, "B": 0.13}  # the part of visits that begins to sign up: what the test is about


def page_of(technology: str) -> str:
    """The path of a technology's page."""
    return f"/technologies/{technology.lower()}"
