"""What is measured, and what each figure must and should reach. Keys are those of the results' JSON."""

from __future__ import annotations

from dataclasses import dataclass

NATIVE = ("up", "memory", "latency", "commands", "ingest")  # measured if nothing is asked for
CONTAINERS = ("docker", "images")  # and these, where a Docker daemon answers
ON_DEMAND = ("volume", "collector", "slow", "first")  # and these only if they are asked for
BENCHES = (*NATIVE, *CONTAINERS, *ON_DEMAND)


@dataclass(frozen=True)
class Target:
    """One figure. `unit` is `s`, `ms`, `MiB`, `MB`, `times`, or begins with `events`; less is better, but of events."""

    key: str
    bench: str
    what: str
    unit: str
    must: float | None = None
    aim: float | None = None

    def reaches(self, value: float, limit: float) -> bool:
        """Whether a measured value is as good as the limit."""
        return value >= limit if self.unit.startswith("events") else value <= limit


# What is sent to the collector, with the events per CPU-second that it must and should reach then.
TRAFFIC = {
    "tag": ("the tag's own traffic", 20000, 30000),
    "memory": ("the same, `durability = memory`", 30000, 45000),
    "shuffled": ("parameters in any order", 8000, 22000),
    "shipped": ("the shipped mapping: paths, campaigns, robots", 8000, 22000),
    "rich": ("a mapping with URI, regex, header, cookie", 8000, 22000),
    "general": ("both: any order, that mapping", 8000, 22000),
    "json": ("a JSON source", 8000, 20000),
}
CROWDS = (2000, 10_000)  # slow clients
TARGETS = (
    Target("up.fresh", "up", "`pyglue up`, cold, no data yet, to an event on a chart", "s", 45, 25),
    Target(
        "up.cold", "up", "`pyglue up`, cold, with the data of before, to an event on a chart", "s", 45, 25
    ),
    Target("up.second", "up", "second `pyglue up`, everything running", "s", 2, 1),
    Target("up.down", "up", "`pyglue down`", "s", 30),
    Target("first.up", "first", "first `make up`, empty caches, downloads included", "s", 240, 120),
    Target("latency.row_p50", "latency", "collector's answer to row in Druid SQL, p50", "ms", 150, 50),
    Target("latency.row_p99", "latency", "collector's answer to row in Druid SQL, p99", "ms", 1000, 250),
    Target("latency.chart_p50", "latency", "collector's answer to the data of a Superset chart, p50", "ms"),
    Target("commands.help", "commands", "`pyglue --help`", "ms", 150),
    Target("commands.status", "commands", "`pyglue status`", "ms", 1000),
    Target("commands.trace_own", "commands", "what `pyglue trace` adds of its own, p50", "ms", 20),
    Target("commands.reconcile", "commands", "`pyglue reconcile`, a day of a million events", "s", 3),
    Target("memory.sum", "memory", "memory of the stack at rest (PSS, all processes)", "MiB", 3072, 2048),
    Target(
        "docker.fresh",
        "docker",
        "`pyglue up` in containers, images built, no data yet, to an event on a chart",
        "s",
        60,
    ),
    Target("docker.cold", "docker", "`pyglue up` in containers, with the data of before", "s", 60),
    Target("docker.second", "docker", "second `pyglue up` in containers, everything running", "s", 2, 1),
    Target("docker.down", "docker", "`pyglue down` of containers", "s", 30),
    # A fifth more than natively.
    Target("docker.memory", "docker", "memory in containers at rest (PSS, all processes)", "MiB", 1880),
    Target("images.build", "images", "all images from nothing, downloads included", "s", 360),
    Target("images.size", "images", "unpacked size of all images, shared layers counted once", "MB", 3000),
    Target("ingest.rate", "ingest", "Druid ingest, one task, the shipped schema", "events/s", 15000, 40000),
    Target("volume.write", "volume", "a million events of history written to Kafka", "s", 60),
    Target("volume.visible", "volume", "a million events of history visible in Druid", "s", 90),
    Target("volume.traffic", "volume", "live traffic from one process, answered", "events/s", 5000),
    Target("volume.counts_1m", "volume", "counts and time series over 1 million rows, p95", "ms"),
    Target("volume.counts_5m", "volume", "counts and time series over 5 million rows, p95", "ms", 300),
    Target("volume.distinct_1m", "volume", "sessions and distinct counts over 1 million rows, p95", "ms"),
    Target(
        "volume.distinct_5m", "volume", "sessions and distinct counts over 5 million rows, p95", "ms", 1000
    ),
    Target("volume.dashboard_clickstream", "volume", "dashboard Live complete, 5 million rows", "s", 4),
    Target("volume.dashboard_audience", "volume", "dashboard Audience complete, 5 million rows", "s", 4),
    Target(
        "volume.dashboard_data_quality", "volume", "dashboard Data quality complete, 5 million rows", "s", 4
    ),
    Target("volume.bytes_1m", "volume", "bytes of a row in Druid's segments, 1 million rows", "bytes"),
    Target("volume.bytes_5m", "volume", "bytes of a row in Druid's segments, 5 million rows", "bytes"),
    *(
        Target(f"collector.{name}.per_cpu", "collector", f"collector: {what}", "events per CPU-s", must, aim)
        for name, (what, must, aim) in TRAFFIC.items()
    ),
    Target(
        "collector.tag.p99",
        "collector",
        "collector: answer after the acknowledgement, p99 at 70 % load",
        "ms",
        60,
        20,
    ),
    Target(
        "collector.memory.p99",
        "collector",
        "collector: answer with `durability = memory`, p99 at 70 % load",
        "ms",
        10,
        2,
    ),
    Target("collector.tag.rss", "collector", "collector: memory of a process (RSS)", "MiB", 143),  # 150 MB
    Target(
        "collector.drain.rate",
        "collector",
        "collector: a spool of a million events, sent after a crash",
        "events/s",
        50000,
    ),
    Target("slow.2000.p99", "slow", "answer at 500/s beside 2,000 slow clients, p99", "ms"),
    Target("slow.2000.times", "slow", "that against the answer without them", "times", 1.2),
    Target("slow.10000.p99", "slow", "answer at 500/s beside 10,000 slow clients, p99", "ms"),
    Target("slow.10000.times", "slow", "that against the answer without them", "times", None, 1.2),
)
MEMORY = "memory.service."  # the figures of single services, in MiB
COLLECTOR = "collector."  # the figures of one traffic, or of nginx
STAGE = "collector.stage."  # microseconds of single steps of the collector's work
