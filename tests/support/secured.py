"""A Kafka that asks who one is: TLS, SCRAM and access rules, beside a plain door for the test itself."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)

from ops.java import UnavailableError, require
from streams.doctor.rights import Right
from streams.kafka.serving import free_port
from tests.support.brokers import java_kafka
from tests.support.deadline import DEADLINE_S

PASSWORD = "not a secret here"
_TYPES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional-id": ResourceType.TRANSACTIONAL_ID,
}


@dataclass(frozen=True)
class SecuredKafka:
    """Its two doors."""

    plain: str
    """For the test, which may do everything."""
    secured: str
    """For those with a name and rights."""
    ca_file: Path

    def environment(self, user: str) -> dict[str, str]:
        """Return the settings of a user."""
        return {
            "JIKIMI_BOOTSTRAP_SERVERS": self.secured,
            "JIKIMI_SECURITY_PROTOCOL": "SASL_SSL",
            "JIKIMI_SASL_MECHANISM": "SCRAM-SHA-512",
            "JIKIMI_SASL_USERNAME": user,
            "JIKIMI_SASL_PASSWORD": PASSWORD,
            "JIKIMI_CA_FILE": str(self.ca_file),
        }

    def add_users(self, rights: Mapping[str, Iterable[Right]]) -> None:
        """Make users that may do just this."""
        admin = AdminClient({"bootstrap.servers": self.plain})
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        wanted: list[UserScramCredentialAlteration] = [
            UserScramCredentialUpsertion(user, info, PASSWORD.encode()) for user in rights
        ]
        for answer in admin.alter_user_scram_credentials(wanted).values():
            answer.result(DEADLINE_S)
        bindings = [_binding(user, right) for user, theirs in rights.items() for right in theirs]
        for answer in admin.create_acls(bindings).values() if bindings else ():
            answer.result(DEADLINE_S)
        for user in rights:
            _wait_until_known(self.environment(user))


@contextmanager
def secured_kafka() -> Iterator[SecuredKafka]:
    """Give one; its certificate is signed by an authority of its own.

    Raises
    ------
    UnavailableError
        This machine has no Java, Maven or OpenSSL.
    """
    try:
        require("openssl")
    except UnavailableError as error:
        raise UnavailableError("openssl not found: install OpenSSL") from error
    plain, secured, controller = (f"127.0.0.1:{free_port()}" for _ in range(3))
    doors = f"PLAINTEXT://{plain},SECURED://{secured}"
    with tempfile.TemporaryDirectory(prefix="jikimi-tls-") as folder:
        ca_file = certify(Path(folder))
        settings = {
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{doors},CONTROLLER://{controller}",
            "advertised.listeners": doors,
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL",
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.name.secured.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.secured.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": f"{folder}/broker.pem",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }
        port = plain.rpartition(":")[2]
        with java_kafka(port=int(port), **settings):
            yield SecuredKafka(plain, secured, ca_file)


def certify(folder: Path) -> Path:
    """Make an authority, and a key and certificate for 127.0.0.1 signed by it; return the authority's."""
    ca, request, broker = folder / "ca.pem", folder / "broker.csr", folder / "broker.pem"
    new = "openssl req -newkey rsa:2048 -nodes -subj"
    signing = f"-CA {ca} -CAkey {folder}/ca.key -CAcreateserial -days 2 -extfile {folder}/san"
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    for command in (
        f"{new} /CN=authority -x509 -days 2 -keyout {folder}/ca.key -out {ca}",
        f"{new} /CN=broker -keyout {folder}/broker.key -out {request}",
        f"openssl x509 -req -in {request} {signing} -out {folder}/broker.crt",
    ):
        subprocess.run(command.split(), check=True, capture_output=True)
    broker.write_text((folder / "broker.key").read_text() + (folder / "broker.crt").read_text())
    return ca


def _binding(user: str, right: Right) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL
    operation = AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", right.operation).upper()]
    principal, host = f"User:{user}", "*"
    kind = _TYPES[right.resource]
    return AclBinding(kind, right.name, pattern, principal, host, operation, AclPermissionType.ALLOW)


def _wait_until_known(environment: Mapping[str, str]) -> None:
    """Return once the broker knows the user: what is accepted comes into force a moment later."""
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": environment["JIKIMI_BOOTSTRAP_SERVERS"],
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": environment["JIKIMI_SASL_USERNAME"],
        "sasl.password": PASSWORD,
        "ssl.ca.location": environment["JIKIMI_CA_FILE"],
        "log_level": 0,
    }
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            AdminClient(config).list_topics(timeout=1)
        except KafkaException:
            assert time.monotonic() < deadline
        else:
            return
