"""Java's producer settings in librdkafka's words: passed on, without effect, or refused with what to write instead."""

from __future__ import annotations

import logging

import pytest
from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from pyglue.collector.sinks.kafka_settings import translate

PLAIN = 'org.apache.kafka.common.security.plain.PlainLoginModule required username="a b" password="c\\"d;";'


@pytest.mark.parametrize(
    ("given_", "settings"),
    [
        ({"bootstrap.servers": "a:1, b:2,"}, {"bootstrap.servers": "a:1,b:2"}),
        ({"client.id": "x"}, {"client.id": "x"}),
        ({"compression.type": "LZ4"}, {"compression.type": "lz4"}),
        ({"batch.size": "0"}, {"batch.size": "1"}),
        ({"buffer.memory": "33554432"}, {"queue.buffering.max.kbytes": "32768"}),
        ({"max.request.size": "2097152"}, {"message.max.bytes": "2097152"}),
        ({"request.timeout.ms": "30000"}, {"request.timeout.ms": "30000", "socket.timeout.ms": "30000"}),
        ({"metadata.max.age.ms": "300000"}, {"metadata.max.age.ms": "300000"}),
        ({"send.buffer.bytes": "-1"}, {"socket.send.buffer.bytes": "0"}),
        ({"receive.buffer.bytes": "32768"}, {"socket.receive.buffer.bytes": "32768"}),
        ({"max.in.flight.requests.per.connection": "1"}, {"max.in.flight.requests.per.connection": "1"}),
        (
            {"reconnect.backoff.ms": "5000"},
            {"reconnect.backoff.ms": "5000", "reconnect.backoff.max.ms": "5000"},
        ),
        (
            {"reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "9999999"},
            {"reconnect.backoff.ms": "50", "reconnect.backoff.max.ms": "3600000"},
        ),
        ({"retries": "2147483647", "acks": "-1", "enable.idempotence": "true"}, {}),
        (
            {"key.serializer": "x.y.Z", "max.block.ms": "60000", "linger.ms": "5", "interceptor.classes": ""},
            {},
        ),
        ({"ssl.endpoint.identification.algorithm": ""}, {"ssl.endpoint.identification.algorithm": "none"}),
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.jaas.config": PLAIN},
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "PLAIN",
                "sasl.username": "a b",
                "sasl.password": 'c"d;',
            },
        ),
        (
            {"sasl.jaas.config": "a.b.ScramLoginModule required tokenauth=true username=u password='p q' ;"},
            {"sasl.username": "u", "sasl.password": "p q"},
        ),
        ({"ssl.truststore.type": "PEM", "ssl.truststore.location": "ca.pem"}, {"ssl.ca.location": "ca.pem"}),
        (
            {"ssl.keystore.type": "PEM", "ssl.keystore.location": "me.pem", "ssl.key.password": "p"},
            {"ssl.certificate.location": "me.pem", "ssl.key.location": "me.pem", "ssl.key.password": "p"},
        ),
        (
            {"ssl.keystore.type": "pkcs12", "ssl.keystore.location": "me.p12", "ssl.keystore.password": "p"},
            {"ssl.keystore.location": "me.p12", "ssl.keystore.password": "p"},
        ),
    ],
)
def test_translations(given_: dict[str, str], settings: dict[str, str]) -> None:
    """Each setting is told in librdkafka's words."""
    assert translate(given_) == (settings, {})


@pytest.mark.parametrize(
    ("given_", "name", "message"),
    [
        ({"acks": "1"}, "acks", "all replicas in sync have its record, written once; write acks = all"),
        ({"acks": "0"}, "acks", "found '0'"),
        ({"enable.idempotence": "false"}, "enable.idempotence", "write enable.idempotence = true"),
        ({"retries": "0"}, "retries", "write 1 or more, or leave it out"),
        (
            {"max.in.flight.requests.per.connection": "6"},
            "max.in.flight.requests.per.connection",
            "write 1 to 5",
        ),
        ({"batch.size": "16K"}, "batch.size", "expected a whole number, found '16K'"),
        ({"bootstrap.servers": " , "}, "bootstrap.servers", "expected brokers"),
        ({"metadata.broker.list": "a:1"}, "metadata.broker.list", "write bootstrap.servers"),
        ({"compresion.type": "lz4"}, "compresion.type", "did you mean compression.type"),
        ({"foo": "1"}, "foo", "unknown setting"),
        ({"interceptor.classes": "x.Y"}, "interceptor.classes", "Java class can't run here"),
        ({"partitioner.class": "x.Y"}, "partitioner.class", "default partitions are kept"),
        ({"transactional.id": "x"}, "transactional.id", "no transaction"),
        ({"delivery.timeout.ms": "1"}, "delivery.timeout.ms", "pyglue.collector.acknowledge_timeout"),
        ({"ssl.truststore.location": "ca.jks"}, "ssl.truststore.location", "PEM files (keytool"),
        ({"ssl.keystore.location": "a", "ssl.keystore.type": "JKS"}, "ssl.keystore.location", "needs Java"),
        (
            {"ssl.truststore.location": "a", "ssl.truststore.type": "PKCS12"},
            "ssl.truststore.location",
            "type PKCS12 needs Java",
        ),
        ({"ssl.cipher.suites": "TLS_RSA_WITH_AES_128_CBC_SHA"}, "ssl.cipher.suites", "expected OpenSSL's"),
        ({"sasl.mechanism": "GSSAPI"}, "sasl.mechanism", "no Kerberos here"),
        ({"sasl.jaas.config": "x.Krb5LoginModule required;"}, "sasl.jaas.config", "PlainLoginModule"),
        ({"sasl.jaas.config": "PlainLoginModule required username=a;"}, "sasl.jaas.config", "a password"),
        ({"security.protocol": "SASL_SSL"}, "security.protocol", "SASL needs sasl.mechanism"),
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"},
            "security.protocol",
            "SASL needs sasl.jaas.config, or sasl.username",
        ),
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
            "security.protocol",
            "sasl.oauthbearer.method = oidc",
        ),
        ({"security.protocol": "TLS"}, "security.protocol", "expected PLAINTEXT or SSL"),
    ],
)
def test_refusals(given_: dict[str, str], name: str, message: str) -> None:
    """What can't be done, or would make an event less safe, is refused with what to write instead."""
    _, problems = translate(given_)
    assert list(problems) == [name]
    assert message in problems[name]


def test_no_password_in_a_message() -> None:
    """A login that is not understood is refused without telling it."""
    _, problems = translate({"sasl.jaas.config": 'PlainLoginModule required username="me" password="hush"'})
    assert "hush" not in problems["sasl.jaas.config"]


def test_librdkafka_takes_them() -> None:
    """Every number and every name that can come out is one that librdkafka knows, at its bounds, too."""
    numbers = [
        "batch.size",
        "buffer.memory",
        "connections.max.idle.ms",
        "max.request.size",
        "metadata.max.age.ms",
        "receive.buffer.bytes",
        "reconnect.backoff.max.ms",
        "reconnect.backoff.ms",
        "request.timeout.ms",
        "retry.backoff.ms",
        "send.buffer.bytes",
        "socket.connection.setup.timeout.ms",
        "socket.max.fails",
    ]
    others = {
        "bootstrap.servers": "127.0.0.1:1",
        "client.id": "x",
        "broker.address.family": "v4",
        "client.dns.lookup": "use_all_dns_ips",
        "compression.type": "zstd",
        "max.in.flight.requests.per.connection": "5",
        "socket.keepalive.enable": "true",
        "socket.nagle.disable": "true",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": PLAIN.replace("Plain", "Scram"),
        "ssl.endpoint.identification.algorithm": "",
        "ssl.cipher.suites": "ECDHE-RSA-AES256-GCM-SHA384",
    }
    for number in ("-1", "0", "999999999999999"):
        settings, problems = translate({**dict.fromkeys(numbers, number), **others})
        assert problems == {}
        quiet = {"logger": logging.getLogger("tests.quiet"), "log_level": 0}
        Producer({**settings, "enable.idempotence": True, "acks": "all", **quiet})


@given(st.text(alphabet="abPlainLoginModule required=\"'\\; .", max_size=60))
def test_any_login(text: str) -> None:
    """Any text is a login or refused."""
    settings, problems = translate({"sasl.jaas.config": text})
    assert bool(settings) != bool(problems)
