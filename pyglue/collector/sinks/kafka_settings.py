"""The settings of Divolte's Kafka producer, which is Java's, in the words of librdkafka, which is ours.

Every setting of Java's producer 2.0 is in `_SETTINGS`, and so are those of librdkafka that have no other name in
Java: how to get in, and how sockets behave. A setting is passed on, accepted without effect because nothing here
depends on it, or refused with the reason and what to write instead. Nothing is passed over in silence that would make
an event less safe: this collector answers an event only after all replicas in sync have its record, written once.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

Settings = dict[str, str]
Translation = Callable[[str], Settings]

_INTEGER = re.compile(r"\s*-?[0-9]{1,18}\s*\Z")
_QUOTED = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s;"']+)"""
_JAAS = re.compile(
    r"\s*([\w.$]+)\s+(?:required|requisite|sufficient|optional)\b"
    rf"((?:\s+[\w.]+\s*=\s*{_QUOTED})*)\s*;\s*\Z"
)
_JAAS_OPTION = re.compile(rf"\s+([\w.]+)\s*=\s*({_QUOTED})")
_PASSWORD_MODULES = ("PlainLoginModule", "ScramLoginModule")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
_STORES = ("JKS", "PKCS12", "PEM")
_PARTITIONER = "org.apache.kafka.clients.producer.internals.DefaultPartitioner"
_HOUR_MS = 3_600_000
_BACKOFF_MAX_MS = 1000  # Java's default
_PROMISE = "this collector answers an event only after all replicas in sync have its record, written once"


class SettingError(ValueError):
    """A setting that is refused; its text says why, and what to write instead.

    `name` is the setting's, where it is not the one that was being translated.
    """

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


def translate(given: Mapping[str, str]) -> tuple[Settings, dict[str, str]]:
    """librdkafka's settings for the producer settings `given`, and what is wrong with some of them, by their names."""
    settings: Settings = {}
    problems: dict[str, str] = {}
    for name, value in given.items():
        if name not in _SETTINGS:
            problems[name] = f"unknown setting of Kafka's producer{_meant(name)}"
            continue
        try:
            settings |= _SETTINGS[name](value)
        except SettingError as error:
            problems[name] = str(error)
    for group in (_stores, _login, _backoff):
        try:
            settings |= group(given)
        except SettingError as error:
            problems.setdefault(error.name, str(error))
    return settings, problems


def _meant(name: str) -> str:
    near = difflib.get_close_matches(name, _SETTINGS)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _whole(value: str) -> int:
    if not _INTEGER.match(value):
        raise SettingError(f"expected a whole number, found {value!r}")
    return int(value)


def _passed(*names: str) -> Translation:
    """The same text under librdkafka's names."""
    return lambda value: dict.fromkeys(names, value)


def _number(*names: str, least: int = 0, most: int = 2**31 - 1, unit: int = 1) -> Translation:
    """A whole number, divided by `unit`; one beyond librdkafka's bounds becomes the nearest that it takes."""
    return lambda value: dict.fromkeys(names, str(min(max(_whole(value) // unit, least), most)))


def _choice(*names: str, options: tuple[str, ...]) -> Translation:
    """One of `options`, in any case."""

    def translation(value: str) -> Settings:
        found = {option.lower(): option for option in options}.get(value.strip().lower())
        if found is None:
            raise SettingError(f"expected {' or '.join(options)}, found {value!r}")
        return dict.fromkeys(names, found)

    return translation


def _only(*values: str, otherwise: str) -> Translation:
    """Nothing to pass on, as long as the value is one of `values` (in any case)."""

    def translation(value: str) -> Settings:
        if value.strip().lower() not in values:
            raise SettingError(f"{otherwise} (found {value!r})")
        return {}

    return translation


def _refused(reason: str) -> Translation:
    """Refused with `reason`, unless it is empty."""
    return _only("", otherwise=reason)


def _without_effect(_: str) -> Settings:
    return {}


def _number_without_effect(value: str) -> Settings:
    _whole(value)
    return {}


def _retries(value: str) -> Settings:
    if _whole(value) < 1:
        raise SettingError(
            f"without a second try a record is lost when a partition changes its broker, but {_PROMISE}; write 1 or "
            f"more, or leave it out (found {value!r})"
        )
    return {}


def _in_flight(value: str) -> Settings:
    if not 1 <= _whole(value) <= 5:
        raise SettingError(
            f"only up to 5 requests at a time keep records single and in order, and {_PROMISE}; write 1 to 5, or "
            f"leave it out (found {value!r})"
        )
    return {"max.in.flight.requests.per.connection": value.strip()}


def _brokers(value: str) -> Settings:
    brokers = [broker.strip() for broker in value.split(",") if broker.strip()]
    if not brokers:
        raise SettingError('expected brokers, such as ["kafka1:9092", "kafka2:9092"]')
    return {"bootstrap.servers": ",".join(brokers)}


def _cipher_suites(value: str) -> Settings:
    if re.search(r"\b(TLS|SSL)_", value):
        raise SettingError(
            "these are Java's names of ciphers; expected OpenSSL's, such as ECDHE-RSA-AES256-GCM-SHA384"
        )
    return {"ssl.cipher.suites": value.strip()} if value.strip() else {}


def _host_check(value: str) -> Settings:
    return _choice("ssl.endpoint.identification.algorithm", options=("https", "none"))(
        value.strip() or "none"
    )


def _name_look_up(value: str) -> Settings:
    if value.strip() == "default":
        return {}
    options = ("use_all_dns_ips", "resolve_canonical_bootstrap_servers_only")
    return _choice("client.dns.lookup", options=options)(value)


def _mechanism(value: str) -> Settings:
    if value.strip().upper() == "GSSAPI":
        raise SettingError(f"there is no Kerberos here; expected {' or '.join(_MECHANISMS)}")
    return _choice("sasl.mechanism", options=_MECHANISMS)(value)


def _jaas(value: str) -> Settings:
    found = _JAAS.match(value)
    if not found or found[1].rpartition(".")[2] not in _PASSWORD_MODULES:
        raise SettingError(
            f'expected a {" or ".join(_PASSWORD_MODULES)} required username="..." password="..."; - there are no '
            "other ways to log in here"
        )
    options = {option[1]: _unquoted(option[2]) for option in _JAAS_OPTION.finditer(found[2])}
    if not {"username", "password"} <= options.keys():
        raise SettingError("expected a username and a password")
    return {"sasl.username": options["username"], "sasl.password": options["password"]}


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text


def _stores(given: Mapping[str, str]) -> Settings:
    """Where keys and certificates lie. A store is Java's own, JKS, unless its type is given."""
    settings: Settings = {}
    key, trust = (given.get(f"ssl.{store}.location", "") for store in ("keystore", "truststore"))
    key_type, trust_type = (
        given.get(f"ssl.{store}.type", "JKS").strip().upper() for store in ("keystore", "truststore")
    )
    if key and key_type == "PEM":
        settings |= {"ssl.certificate.location": key, "ssl.key.location": key}
    elif key and key_type == "PKCS12":
        settings |= {"ssl.keystore.location": key}
        settings |= {name: given[name] for name in ("ssl.keystore.password",) if name in given}
    elif key:
        instead = "ssl.certificate.location and ssl.key.location"
        raise SettingError(f"{_needs_java(key_type)} in {instead}", "ssl.keystore.location")
    if trust and trust_type == "PEM":
        settings |= {"ssl.ca.location": trust}
    elif trust:
        raise SettingError(f"{_needs_java(trust_type)} in ssl.ca.location", "ssl.truststore.location")
    return settings


def _needs_java(kind: str) -> str:
    return (
        f"a store of type {kind} needs Java; write what it holds into PEM files (keytool -exportcert -rfc, "
        "openssl pkcs12) and name them"
    )


def _login(given: Mapping[str, str]) -> Settings:
    """What librdkafka would only tell at the start: SASL needs a mechanism, and that a name and a password."""
    if not given.get("security.protocol", "").strip().upper().startswith("SASL_"):
        return {}
    mechanism = given.get("sasl.mechanism", given.get("sasl.mechanisms", "")).strip().upper()
    if not mechanism:
        needed = f"sasl.mechanism, {' or '.join(_MECHANISMS)} (Java's default is Kerberos, which is not here)"
    elif mechanism == "OAUTHBEARER":
        if "sasl.oauthbearer.method" in given:
            return {}
        needed = "sasl.oauthbearer.method = oidc, and where to get tokens"
    elif "sasl.jaas.config" in given or {"sasl.username", "sasl.password"} <= given.keys():
        return {}
    else:
        needed = "sasl.jaas.config, or sasl.username and sasl.password"
    raise SettingError(f"SASL needs {needed}", "security.protocol")


def _backoff(given: Mapping[str, str]) -> Settings:
    """The longest pause between two tries to connect, which librdkafka wants no shorter than the first one."""
    first, longest = given.get("reconnect.backoff.ms", ""), given.get("reconnect.backoff.max.ms", "")
    if not _INTEGER.match(first):
        return {}
    most = max(int(first), int(longest) if _INTEGER.match(longest) else _BACKOFF_MAX_MS)
    return _number("reconnect.backoff.max.ms", most=_HOUR_MS)(str(most))


_JAVA_ONLY = "a Java class can't run here; leave it out"
_TIMEOUT = "set pyglue.collector.acknowledge_timeout instead"
_TRANSACTIONS = "a collector's records belong to no transaction; leave it out"

_SETTINGS: Mapping[str, Translation] = {
    "acks": _only("all", "-1", otherwise=f"{_PROMISE}; write acks = all, or leave it out"),
    "batch.size": _number("batch.size", least=1),
    "bootstrap.servers": _brokers,
    "broker.address.family": _choice("broker.address.family", options=("any", "v4", "v6")),
    "buffer.memory": _number("queue.buffering.max.kbytes", least=1, unit=1024),
    "client.dns.lookup": _name_look_up,
    "client.id": _passed("client.id"),
    "compression.type": _choice("compression.type", options=("none", "gzip", "snappy", "lz4", "zstd")),
    "connections.max.idle.ms": _number("connections.max.idle.ms"),
    "delivery.timeout.ms": _refused(_TIMEOUT),
    "enable.idempotence": _only(
        "true", otherwise=f"{_PROMISE}; write enable.idempotence = true, or leave it out"
    ),
    "interceptor.classes": _refused(_JAVA_ONLY),
    "key.serializer": _without_effect,  # Divolte sets it itself
    "linger.ms": _number_without_effect,  # it becomes pyglue.collector.linger, see config
    "max.block.ms": _number_without_effect,  # nothing blocks here
    "max.in.flight.requests.per.connection": _in_flight,
    "max.request.size": _number("message.max.bytes", least=1000, most=1_000_000_000),
    "message.max.bytes": _number("message.max.bytes", least=1000, most=1_000_000_000),
    "metadata.broker.list": _refused("that is the name of before Kafka 0.9; write bootstrap.servers"),
    "metadata.max.age.ms": _number("metadata.max.age.ms", least=1, most=86_400_000),
    "metric.reporters": _refused(_JAVA_ONLY),
    "metrics.num.samples": _without_effect,
    "metrics.recording.level": _without_effect,
    "metrics.sample.window.ms": _without_effect,
    "partitioner.class": _only(
        "", _PARTITIONER.lower(), otherwise=f"{_JAVA_ONLY}; Java's default partitions are kept"
    ),
    "receive.buffer.bytes": _number("socket.receive.buffer.bytes", most=100_000_000),
    "reconnect.backoff.max.ms": _number("reconnect.backoff.max.ms", most=_HOUR_MS),
    "reconnect.backoff.ms": _number("reconnect.backoff.ms", most=_HOUR_MS),
    "request.timeout.ms": _number("request.timeout.ms", "socket.timeout.ms", least=10, most=300_000),
    "retries": _retries,
    "retry.backoff.ms": _number("retry.backoff.ms", least=1, most=300_000),
    "sasl.client.callback.handler.class": _refused(_JAVA_ONLY),
    "sasl.jaas.config": _jaas,
    "sasl.kerberos.kinit.cmd": _without_effect,  # Kerberos is refused by its mechanism
    "sasl.kerberos.min.time.before.relogin": _without_effect,
    "sasl.kerberos.service.name": _without_effect,
    "sasl.kerberos.ticket.renew.jitter": _without_effect,
    "sasl.kerberos.ticket.renew.window.factor": _without_effect,
    "sasl.login.callback.handler.class": _refused(_JAVA_ONLY),
    "sasl.login.class": _refused(_JAVA_ONLY),
    "sasl.login.refresh.buffer.seconds": _without_effect,  # of tokens that a Java class would get
    "sasl.login.refresh.min.period.seconds": _without_effect,
    "sasl.login.refresh.window.factor": _without_effect,
    "sasl.login.refresh.window.jitter": _without_effect,
    "sasl.mechanism": _mechanism,
    "sasl.mechanisms": _mechanism,
    "sasl.oauthbearer.client.id": _passed("sasl.oauthbearer.client.id"),
    "sasl.oauthbearer.client.secret": _passed("sasl.oauthbearer.client.secret"),
    "sasl.oauthbearer.extensions": _passed("sasl.oauthbearer.extensions"),
    "sasl.oauthbearer.method": _choice("sasl.oauthbearer.method", options=("oidc",)),
    "sasl.oauthbearer.scope": _passed("sasl.oauthbearer.scope"),
    "sasl.oauthbearer.token.endpoint.url": _passed("sasl.oauthbearer.token.endpoint.url"),
    "sasl.password": _passed("sasl.password"),
    "sasl.username": _passed("sasl.username"),
    "security.protocol": _choice(
        "security.protocol", options=("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    ),
    "send.buffer.bytes": _number("socket.send.buffer.bytes", most=100_000_000),
    "socket.connection.setup.timeout.max.ms": _without_effect,
    "socket.connection.setup.timeout.ms": _number("socket.connection.setup.timeout.ms", least=1000),
    "socket.keepalive.enable": _choice("socket.keepalive.enable", options=("true", "false")),
    "socket.max.fails": _number("socket.max.fails", most=1_000_000),
    "socket.nagle.disable": _choice("socket.nagle.disable", options=("true", "false")),
    "socket.receive.buffer.bytes": _number("socket.receive.buffer.bytes", most=100_000_000),
    "socket.send.buffer.bytes": _number("socket.send.buffer.bytes", most=100_000_000),
    "socket.timeout.ms": _number("socket.timeout.ms", least=10, most=300_000),
    "ssl.ca.location": _passed("ssl.ca.location"),
    "ssl.ca.pem": _passed("ssl.ca.pem"),
    "ssl.certificate.location": _passed("ssl.certificate.location"),
    "ssl.certificate.pem": _passed("ssl.certificate.pem"),
    "ssl.cipher.suites": _cipher_suites,
    "ssl.crl.location": _passed("ssl.crl.location"),
    "ssl.curves.list": _passed("ssl.curves.list"),
    "ssl.enabled.protocols": _without_effect,  # OpenSSL takes the newest that both sides know
    "ssl.endpoint.identification.algorithm": _host_check,
    "ssl.key.location": _passed("ssl.key.location"),
    "ssl.key.password": _passed("ssl.key.password"),
    "ssl.key.pem": _passed("ssl.key.pem"),
    "ssl.keymanager.algorithm": _without_effect,  # Java's inside
    "ssl.keystore.certificate.chain": _passed("ssl.certificate.pem"),
    "ssl.keystore.key": _passed("ssl.key.pem"),
    "ssl.keystore.location": _without_effect,  # the six of both stores: see _stores
    "ssl.keystore.password": _without_effect,
    "ssl.keystore.type": _choice(options=_STORES),
    "ssl.protocol": _without_effect,
    "ssl.provider": _without_effect,
    "ssl.secure.random.implementation": _without_effect,
    "ssl.sigalgs.list": _passed("ssl.sigalgs.list"),
    "ssl.trustmanager.algorithm": _without_effect,
    "ssl.truststore.certificates": _passed("ssl.ca.pem"),
    "ssl.truststore.location": _without_effect,
    "ssl.truststore.password": _without_effect,
    "ssl.truststore.type": _choice(options=_STORES),
    "transaction.timeout.ms": _without_effect,
    "transactional.id": _refused(_TRANSACTIONS),
    "value.serializer": _without_effect,
}
